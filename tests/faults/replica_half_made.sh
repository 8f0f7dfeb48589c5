#!/bin/bash
# The last server dies while its replicas are being made: what they have is not enough, and everybody goes back.
. "$(dirname "$0")/helpers.sh"
one_left
fault server recv:REPL 5 HOLD
join late --as server
fired 0
kill -KILL "$(pids server | sed -n 2p)"
event '"event":"lost","role":"server"' 2
release 0
survived
expect run/log.jsonl '"event":"rollback"'
