#!/bin/bash
# The coordinator dies at the end of an epoch, after a checkpoint within it that no record names yet; then a server dies under the next
# coordinator, which goes back to that checkpoint, and counts the epochs before it too.
# modes: sync
. "$(dirname "$0")/helpers.sh"
epochs=12
fault coordinator link 20 KILL # the record that the fifth epoch is trained
start --set early_stop.every=12 --set checkpoint.every=12 --set checkpoint.steps=1
fired 0
event '"event":"takeover"'
kill -KILL "$(pids server | head -n 1)"
survived
expect run/log.jsonl '"event":"rollback",.*"to":"epoch-'
