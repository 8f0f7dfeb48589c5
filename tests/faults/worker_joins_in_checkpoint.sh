#!/bin/bash
# A worker joins in the middle of a checkpoint: between the agreement on its positions and its files.
. "$(dirname "$0")/helpers.sh"
fault coordinator send:CUT_AT 1 HOLD
start
fired 0
fault worker send:HELLO 1 HOLD # the new one's: not before the coordinator has been held can it greet
join late
fired 1
release 1
release 0
event '"event":"member","role":"worker"' 3
survived
wait "$joined"
