#!/bin/bash
# The coordinator dies between the two halves of a cut.
. "$(dirname "$0")/helpers.sh"
fault coordinator send:CUT_AT 4 KILL
start
fired 0
survived
expect run/log.jsonl '"event":"takeover"'
