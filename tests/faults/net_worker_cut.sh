#!/bin/bash
# The cable of a worker's host is pulled, the worker is taken for dead, and the cable is plugged in again: what comes then of its old
# lanes is refused, and it works again.
. "$(dirname "$0")/helpers.sh"
on_hosts
fault server recv:PUSH 100 HOLD # until the cable is out
fault server recv:PUSH 500 HOLD # so that the run is not over too soon
start
fired 0
lab_link w1 cable 0
release 0
event '"event":"lost","role":"worker","host":"w1"'
fired 1
lab_link w1 cable 1
event '"event":"back","role":"worker","host":"w1"'
release 1
survived
