#!/bin/bash
# The only server dies as soon as a new coordinator has taken over: launch has another one there within servers.wait all the same.
. "$(dirname "$0")/helpers.sh"
# shellcheck disable=SC2034
servers=1 epochs=12 # time to be lost
fault coordinator recv:LANE_DONE 11 KILL # in the second epoch
start
event '"event":"takeover"'
kill -KILL "$(pids server)"
survived
expect run/log.jsonl '"event":"rollback"'
