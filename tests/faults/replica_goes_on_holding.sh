#!/bin/bash
# A server with a replica dies when all hold for a move: the move is void, its replica goes on, and the slots move later.
. "$(dirname "$0")/helpers.sh"
fault server recv:MOVE 1 KILL
late_server --set servers.replicas=1
survived
expect run/log.jsonl '"event":"move","moved":false'
expect run/log.jsonl '"event":"promoted"'
refuse run/log.jsonl '"event":"rollback"'
late_ends_well
