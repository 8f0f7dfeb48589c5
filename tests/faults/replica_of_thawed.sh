#!/bin/bash
# A server is frozen, its replica goes on, and it thaws: it is deposed, and becomes the replica.
. "$(dirname "$0")/helpers.sh"
epochs=20 # time to come back
fault server recv:PUSH 600 STOP
start --set servers.replicas=1
fired 0
event '"event":"promoted"'
kill -CONT "$pid"
event '"event":"back","role":"server"'
event '"event":"replica".*"state":"synced"' 4
survived
refuse run/log.jsonl '"event":"rollback"'
