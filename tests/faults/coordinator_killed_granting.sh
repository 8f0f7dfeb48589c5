#!/bin/bash
# The coordinator dies while it hands out lanes: some servers know new leases, no worker does.
. "$(dirname "$0")/helpers.sh"
fault coordinator send:GRANT 2 KILL
start
fired 0
survived
expect run/log.jsonl '"event":"takeover"'
