#!/bin/bash
# The coordinator and a server die in the same moment.
. "$(dirname "$0")/helpers.sh"
fault coordinator recv:LANE_DONE 11 KILL # in the second epoch
start
fired 0
kill -KILL "$(pids server | head -n 1)"
survived
expect run/log.jsonl '"event":"takeover"'
