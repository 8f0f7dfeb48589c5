#!/bin/bash
# The launching process is killed: every other process ends by itself, and --resume goes on.
. "$(dirname "$0")/helpers.sh"
fault server recv:PUSH 600 HOLD # in the second epoch
start
fired 0
kill_launch
resume
whole
same
