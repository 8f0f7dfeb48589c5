#!/bin/bash
# The coordinator is frozen for a moment and thaws: it takes nobody's silence for a death.
. "$(dirname "$0")/helpers.sh"
fault coordinator recv:LANE_DONE 3 STOP
start
fired 0
sleep 4 # longer than a member may be silent
kill -CONT "$pid"
survived
refuse run/log.jsonl '"event":"lost"'
