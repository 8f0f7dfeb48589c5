#!/bin/bash
# The coordinator dies when it has decided that slots have moved to a server that joins, and no server has done as it says.
. "$(dirname "$0")/helpers.sh"
epochs=20 # time to join
fault server recv:MAP 1 HOLD
start
event '"event":"epoch","epoch":1,'
join spare --as server
fired 0
kill -KILL "$(coordinator)"
release 0
survived
expect run/log.jsonl '"event":"takeover"'
wait "$joined" || fail "the server that joined ended badly: $(cat spare.txt)"
