#!/bin/bash
# A server dies, another joins and gets the missing replicas, and then the first one dies too.
. "$(dirname "$0")/helpers.sh"
epochs=20 # time to join
start --set servers.replicas=1
event '"event":"epoch","epoch":1,'
kill -KILL "$(pids server | head -n 1)"
event '"event":"promoted"'
join spare --as server
event '"event":"replica".*"state":"synced"' 4
kill -KILL "$(pids server | sed -n 2p)"
event '"event":"promoted"' 3
survived
refuse run/log.jsonl '"event":"rollback"'
