#!/bin/bash
# A worker is frozen, taken for dead, and thaws: what it still says of its old lanes is refused, and it works again.
. "$(dirname "$0")/helpers.sh"
fault worker send:PUSH 42 STOP
fault server recv:PUSH 400 HOLD # so that the run is not over too soon
start
fired 0
event '"event":"lost","role":"worker"'
fired 1
kill -CONT "$(cat inject/fired-0)"
event '"event":"back","role":"worker"'
release 1
survived
