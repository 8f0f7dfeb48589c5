#!/bin/bash
# A worker dies while a checkpoint is being made.
. "$(dirname "$0")/helpers.sh"
fault coordinator send:CUT_AT 1 HOLD
start
fired 0
kill -KILL "$(pids worker | head -n 1)"
release 0
event '"event":"lost","role":"worker"'
survived
