#!/bin/bash
# A server dies in the middle of an epoch in which checkpoints have been made: all go back into the epoch, not to its beginning.
. "$(dirname "$0")/helpers.sh"
steps=15 # of the optimiser; in async mode micro-batches
[ "$mode" = sync ] || steps=120
fault server recv:PUSH 800 KILL # near the end of the second epoch
start --set checkpoint.steps=$steps --set checkpoint.keep=4
fired 0
survived
expect run/log.jsonl '"event":"rollback".*"to":"epoch-0002-cut'
