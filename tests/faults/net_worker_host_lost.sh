#!/bin/bash
# A worker's host is lost with everything on it, its mpirun too.
. "$(dirname "$0")/helpers.sh"
on_hosts
fault server recv:PUSH 100 HOLD
start
fired 0
lab_crash w1
release 0
event '"event":"lost","role":"worker","host":"w1"'
survived
