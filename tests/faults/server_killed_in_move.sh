#!/bin/bash
# A server dies while it sends rows to one that joins: what it had is gone, and everybody goes back to the last checkpoint.
. "$(dirname "$0")/helpers.sh"
epochs=20 # time to join
fault server send:SLOTS 1 KILL
start
event '"event":"epoch","epoch":1,'
join spare --as server
fired 0
survived
expect run/log.jsonl '"event":"rollback"'
wait "$joined" || fail "the server that joined ended badly: $(cat spare.txt)"
