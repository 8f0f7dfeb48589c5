#!/bin/bash
# The last server dies while its replicas are being made: what they have is not enough, and everybody goes back, to the one that has joined. When
# others join, slots move to them, and all have replicas again.
. "$(dirname "$0")/helpers.sh"
one_left
fault server recv:REPL 5 HOLD
join late --as server
fired 0
kill -KILL "$(pids server | sed -n 2p)"
event '"event":"lost","role":"server"' 2
release 0
event '"event":"rollback"'
join later --as server
event '"event":"move","moved":true'
event '"event":"replica".*"state":"synced"' 6
survived
