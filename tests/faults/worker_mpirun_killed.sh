#!/bin/bash
# The mpirun of all workers is killed, and they with it, while another worker is there: that one does all the work.
. "$(dirname "$0")/helpers.sh"
fault server recv:PUSH 200 HOLD # so that the run is not over too soon
late_worker
parent=$(ps -o ppid= -p "$(pids worker | head -n 1)" | tr -d ' ')
[ "$(ps -o comm= -p "$parent")" = mpirun ] || fail "the worker's parent is no mpirun: $(ps -o comm= -p "$parent")"
kill -KILL "$parent"
release 0
event '"event":"(lost|left)","role":"worker"' 2 # the kernel tells them, and they may still say goodbye
survived
late_ends_well
