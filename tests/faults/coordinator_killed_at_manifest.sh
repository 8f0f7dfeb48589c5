#!/bin/bash
# The coordinator dies when all servers have written their parts of a checkpoint, before its manifest is there.
. "$(dirname "$0")/helpers.sh"
fault coordinator recv:CUT_DONE 4 KILL
start
fired 0
survived
expect run/log.jsonl '"event":"takeover"'
