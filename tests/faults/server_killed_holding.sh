#!/bin/bash
# A server dies when all hold for one that joins: what it had is gone, and everybody goes back to the last checkpoint.
. "$(dirname "$0")/helpers.sh"
fault server recv:MOVE 1 HOLD
late_server
kill -KILL "$(pids server | head -n 1)"
event '"event":"lost","role":"server"'
release 0
survived
expect run/log.jsonl '"event":"rollback"'
late_ends_well
