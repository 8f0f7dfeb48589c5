#!/bin/bash
# All that a worker's host sends and gets vanishes, while its link stays up; later it is back.
. "$(dirname "$0")/helpers.sh"
on_hosts
fault server recv:PUSH 100 HOLD # until the hole is there
fault server recv:PUSH 500 HOLD # so that the run is not over too soon
start
fired 0
lab_link w1 hole 1
release 0
event '"event":"lost","role":"worker","host":"w1"'
fired 1
lab_link w1 hole 0
event '"event":"back","role":"worker","host":"w1"'
lab_crash w2 # the one that is back has to do everything now: it must hear of it
release 1
survived
