#!/bin/bash
# A server dies while the workers rank.
. "$(dirname "$0")/helpers.sh"
fault worker send:EVAL_DONE 1 HOLD
start
fired 0
kill -KILL "$(pids server | head -n 1)"
release 0
survived
expect run/log.jsonl '"event":"rollback"'
