#!/bin/bash
# A server dies while it writes its part of a checkpoint.
. "$(dirname "$0")/helpers.sh"
fault server fsync 3 KILL # the second checkpoint's
start
fired 0
survived
expect run/log.jsonl '"event":"rollback"'
