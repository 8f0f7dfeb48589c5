#!/bin/bash
# The coordinator dies in the middle of an epoch. It is started again, and everybody finds it.
. "$(dirname "$0")/helpers.sh"
fault coordinator recv:LANE_DONE 3 KILL
start
fired 0
survived
expect run/log.jsonl '"event":"takeover"'
