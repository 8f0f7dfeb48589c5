#!/bin/bash
# A server dies when its part of a checkpoint is written, before it can tell.
. "$(dirname "$0")/helpers.sh"
fault server send:CUT_DONE 2 KILL
start
fired 0
survived
expect run/log.jsonl '"event":"rollback"'
