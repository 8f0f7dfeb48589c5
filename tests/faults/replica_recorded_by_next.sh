#!/bin/bash
# The coordinator dies as it hears that a replica is whole, on the server that launch has started in place of a lost one: the next one records it, and it can be
# relied on.
. "$(dirname "$0")/helpers.sh"
fault coordinator recv:SYNCED 1 KILL
one_left
fired 0
event '"event":"takeover"'
event '"event":"replica".*"state":"synced"' 4
kill -KILL "$(pids server | sed -n 2p)"
event '"event":"promoted"' 3
survived
refuse run/log.jsonl '"event":"rollback"'
