#!/bin/bash
# All servers die at once: the launching process brings new ones, and they go on from the last checkpoint.
. "$(dirname "$0")/helpers.sh"
fault server recv:PUSH 600 HOLD
start
fired 0
# shellcheck disable=SC2046
kill -KILL $(pids server)
survived
expect run/log.jsonl '"event":"rollback"'
