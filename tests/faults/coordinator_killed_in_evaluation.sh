#!/bin/bash
# The coordinator dies while the workers rank.
. "$(dirname "$0")/helpers.sh"
fault coordinator recv:EVAL_DONE 3 KILL
start
fired 0
survived
expect run/log.jsonl '"event":"takeover"'
