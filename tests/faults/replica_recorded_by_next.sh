#!/bin/bash
# The coordinator dies as it hears that a replica is whole: the next one records it, and it can be relied on.
. "$(dirname "$0")/helpers.sh"
epochs=20 # time to join
fault coordinator recv:SYNCED 1 KILL
start --set servers.replicas=1
event '"event":"epoch","epoch":1,'
kill -KILL "$(pids server | head -n 1)"
event '"event":"promoted"'
join spare --as server
fired 0
event '"event":"takeover"'
event '"event":"replica".*"state":"synced"' 4
kill -KILL "$(pids server | sed -n 2p)"
event '"event":"promoted"' 3
survived
refuse run/log.jsonl '"event":"rollback"'
