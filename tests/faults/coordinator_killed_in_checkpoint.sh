#!/bin/bash
# The coordinator dies between the two halves of a cut.
. "$(dirname "$0")/helpers.sh"
grep -q "it is started again" "$PENSTOCK" || pending "a coordinator that is replaced"
fault coordinator send:CUT_AT 4 KILL
start
fired 0
survived
expect run/log.jsonl '"event":"takeover"'
