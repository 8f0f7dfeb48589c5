#!/bin/bash
# The coordinator and a worker die in the same moment: nobody has seen the worker die.
. "$(dirname "$0")/helpers.sh"
fault coordinator recv:LANE_DONE 3 KILL
start
fired 0
kill -KILL "$(pids worker | head -n 1)"
survived
expect run/log.jsonl '"event":"takeover"'
