#!/bin/bash
# A server can write no checkpoint at all: the job ends with code 5, nothing half-written is taken for a checkpoint, and with room again
# --resume goes on.
. "$(dirname "$0")/helpers.sh"
fault server fsync 1 FULL
start
fired 0
ends 5
expect run.txt 'No space left on device'
[ -z "$(find run/checkpoints -name manifest.yaml)" ] || fail 'there is a checkpoint after all'
resume
whole
same
