#!/bin/bash
# A server dies as it hands out rows, between two steps.
. "$(dirname "$0")/helpers.sh"
fault server send:ROWS 600 KILL
start
fired 0
survived
expect run/log.jsonl '"event":"rollback"'
