#!/bin/bash
# A server dies between the two halves of a cut: it has named its limits, the positions are not agreed on.
. "$(dirname "$0")/helpers.sh"
fault server recv:CUT_AT 2 KILL
start
fired 0
survived
expect run/log.jsonl '"event":"rollback"'
