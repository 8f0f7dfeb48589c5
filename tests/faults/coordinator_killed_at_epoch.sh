#!/bin/bash
# The coordinator dies as it announces the second epoch.
. "$(dirname "$0")/helpers.sh"
fault coordinator send:EPOCH 3 KILL # it tells each server
start
fired 0
survived
expect run/log.jsonl '"event":"takeover"'
