#!/bin/bash
# The last checkpoint is torn after the run was interrupted: it is named, never loaded, and the run goes on from the one before.
. "$(dirname "$0")/helpers.sh"
fault server recv:PUSH 1000 HOLD # in the third epoch
start
fired 0
event '"event":"checkpoint"' 2
kill_launch
for file in run/checkpoints/last/*.rows; do truncate -s -100 "$file"; done
resume
whole
same
