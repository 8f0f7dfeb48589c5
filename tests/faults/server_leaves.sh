#!/bin/bash
# A server is asked to leave by SIGTERM: its slots move to the other one, and it ends well.
. "$(dirname "$0")/helpers.sh"
epochs=20 # time to leave
start
event '"event":"epoch","epoch":1,'
kill -TERM "$(pids server | head -n 1)"
event '"event":"move","moved":true,.*"servers":1'
survived
refuse run/log.jsonl '"event":"(rollback|lost)"'
[ "$(pids server | wc -l)" = 2 ] || fail 'a server that left was replaced'
