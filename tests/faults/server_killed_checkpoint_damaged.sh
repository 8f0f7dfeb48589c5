#!/bin/bash
# A server dies when the newest checkpoint is damaged: everybody goes back to the one before it, and the epoch that is done again counts once.
# modes: sync
. "$(dirname "$0")/helpers.sh"
fault server recv:PUSH 900 HOLD # in the third epoch
start
fired 0
event '"event":"checkpoint","epoch":2,"name":"epoch-0002"'
truncate -s -1 run/checkpoints/epoch-0002/shard-000.rows
kill -KILL "$(pids server | head -n 1)"
release 0
survived
expect run/log.jsonl '"event":"fallback","to":"epoch-0001"'
expect run/log.jsonl '"event":"rollback",.*"to":"epoch-0001"'
