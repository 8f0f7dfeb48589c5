#!/bin/bash
# The coordinator dies when the first rows have moved to a server that joins, and before it has decided that the move is done.
. "$(dirname "$0")/helpers.sh"
fault coordinator recv:MOVED 1 KILL
late_server
survived
expect run/log.jsonl '"event":"takeover"'
late_ends_well
