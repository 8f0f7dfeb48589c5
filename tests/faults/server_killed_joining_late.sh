#!/bin/bash
# A server that joins dies when all hold for it: the others still own the rows, and go on without a rollback.
. "$(dirname "$0")/helpers.sh"
fault server recv:MOVE 1 HOLD
late_server
kill -KILL "$(pids server | tail -n 1)"
event '"event":"lost","role":"server"'
release 0
survived
expect run/log.jsonl '"event":"move","moved":false'
refuse run/log.jsonl '"event":"rollback"'
