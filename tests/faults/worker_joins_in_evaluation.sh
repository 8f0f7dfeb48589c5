#!/bin/bash
# A worker joins while the others rank.
. "$(dirname "$0")/helpers.sh"
fault worker send:EVAL_DONE 1 HOLD
start
fired 0
join late
event '"event":"member","role":"worker"' 3
release 0
survived
wait "$joined"
