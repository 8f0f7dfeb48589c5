#!/bin/bash
# A replica dies as it takes in a push: the server goes on without it.
. "$(dirname "$0")/helpers.sh"
fault server recv:REPL 601 KILL # in the second epoch
start --set servers.replicas=1
fired 0
survived
expect run/log.jsonl '"event":"replica","shard":[0-9]*,"state":"lost"'
refuse run/log.jsonl '"event":"rollback"'
