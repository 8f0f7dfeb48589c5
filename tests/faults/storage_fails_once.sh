#!/bin/bash
# A server cannot write its part of a checkpoint (no room, then room again): the job says so, goes on, and writes the next one.
. "$(dirname "$0")/helpers.sh"
fault server fsync 1 FULL
fault server recv:PUSH 600 HOLD # in the second epoch, so that there is room again for its checkpoint
start
fired 0
event '"event":"checkpoint_failed","epoch":1,.*No space left on device'
release 0
release 1
survived
[ ! -e run/checkpoints/epoch-0001 ] || fail 'half a checkpoint is left'
