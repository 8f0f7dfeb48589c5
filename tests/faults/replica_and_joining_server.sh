#!/bin/bash
# A third server joins: the slots move, and the replicas are made anew for them.
. "$(dirname "$0")/helpers.sh"
epochs=20 # time to join
start --set servers.replicas=1
event '"event":"epoch","epoch":1,'
join late --as server
event '"event":"move","moved":true,.*"servers":3'
event '"event":"replica".*"state":"synced"' 5
kill -KILL "$(pids server | head -n 1)"
event '"event":"promoted"'
survived
refuse run/log.jsonl '"event":"rollback"'
