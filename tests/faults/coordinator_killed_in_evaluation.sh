#!/bin/bash
# The coordinator dies while the workers rank.
. "$(dirname "$0")/helpers.sh"
grep -q "it is started again" "$PENSTOCK" || pending "a coordinator that is replaced"
fault coordinator recv:EVAL_DONE 3 KILL
start
fired 0
survived
expect run/log.jsonl '"event":"takeover"'
