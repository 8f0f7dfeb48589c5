#!/bin/bash
# A server that joins dies while it is being made a replica: the others go on.
. "$(dirname "$0")/helpers.sh"
epochs=20 # time to join
start --set servers.replicas=1
event '"event":"epoch","epoch":1,'
kill -KILL "$(pids server | head -n 1)"
event '"event":"promoted"'
fault server recv:REPL 30 KILL
join spare --as server
fired 0
event '"event":"replica","shard":[0-9]*,"state":"lost"' 2
survived
refuse run/log.jsonl '"event":"rollback"'
