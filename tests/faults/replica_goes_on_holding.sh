#!/bin/bash
# A server with a replica dies when all hold for a move: the move is void, its replica goes on, and the slots move later. Where it is the newcomer
# that hears of the move first, and dies, nothing was lost with it.
. "$(dirname "$0")/helpers.sh"
fault server recv:MOVE 1 KILL
late_server --set servers.replicas=1
survived
expect run/log.jsonl '"event":"move","moved":false'
refuse run/log.jsonl '"event":"rollback"'
if grep '"event":"member","role":"server"' run/log.jsonl | head -n 2 | grep -q "\"pid\":$(cat inject/fired-0)"; then
    expect run/log.jsonl '"event":"promoted"'
    late_ends_well
fi
