#!/bin/bash
# A server dies in the middle of an epoch in which a checkpoint has been made: all go back into the epoch, not to its beginning.
. "$(dirname "$0")/helpers.sh"
steps=30 # of the optimiser, 51 in an epoch; in async mode micro-batches, 408
[ "$mode" = sync ] || steps=200
fault worker send:PUSH 701 HOLD # in the second epoch: the checkpoint is due, and begun while nothing moves;
fault worker send:PUSH 801 HOLD # before its end: the checkpoint is written by then
start --set checkpoint.steps=$steps
fired 0
begun() { compgen -G 'run/checkpoints/epoch-0002-cut*' > /dev/null; }
wait_until "$patience" 'a checkpoint of within the epoch to begin' begun
release 0
fired 1
event '"event":"checkpoint","epoch":2,"name":"epoch-0002-cut'
kill -KILL "$(pids server | head -n 1)"
release 1
survived
expect run/log.jsonl '"event":"rollback".*"to":"epoch-0002-cut'
