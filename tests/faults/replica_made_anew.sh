#!/bin/bash
# A server dies, another joins and gets the missing replicas, and then the first one dies too.
. "$(dirname "$0")/helpers.sh"
one_left
join late --as server
event '"event":"replica".*"state":"synced"' 4
kill -KILL "$(pids server | sed -n 2p)"
event '"event":"promoted"' 3
survived
refuse run/log.jsonl '"event":"rollback"'
