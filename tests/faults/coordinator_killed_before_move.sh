#!/bin/bash
# The coordinator dies when the first rows have moved to a server that joins, and before it has decided that the move is done.
. "$(dirname "$0")/helpers.sh"
epochs=20 # time to join
fault coordinator recv:MOVED 1 KILL
start
event '"event":"epoch","epoch":1,'
join spare --as server
fired 0
survived
expect run/log.jsonl '"event":"takeover"'
wait "$joined" || fail "the server that joined ended badly: $(cat spare.txt)"
