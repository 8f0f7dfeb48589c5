#!/bin/bash
# A server is asked to leave by SIGTERM: its slots and its replica go to the others, and it ends well.
. "$(dirname "$0")/helpers.sh"
epochs=20 # time to leave
servers=3
start --set servers.replicas=1
event '"event":"epoch","epoch":1,'
kill -TERM "$(pids server | head -n 1)"
event '"event":"move","moved":true,.*"servers":2'
event '"event":"replica".*"state":"synced"' 5
survived
refuse run/log.jsonl '"event":"(rollback|lost|promoted)"'
