#!/bin/bash
# A replica stands still, and its process sends beats: the server that waits for it is let go on without it.
. "$(dirname "$0")/helpers.sh"
fault server recv:REPL 601 HOLD # in the second epoch
start --set servers.replicas=1
fired 0
event '"event":"replica","shard":[0-9]*,"state":"lost"'
release 0
survived
refuse run/log.jsonl '"event":"(rollback|lost|promoted)"'
