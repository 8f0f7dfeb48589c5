#!/bin/bash
# Slots move to a server that joins, while some ids have rows and others wait for them; that server dies later, and what had moved is found in
# the last checkpoint.
. "$(dirname "$0")/helpers.sh"
ids_come_and_go
epochs=20 # time to join
start
event '"event":"epoch","epoch":1,'
join late --as server
event '"event":"move","moved":true,.*"servers":3'
penstock 0 status --json run
expect out.txt '"ids":\{"rows":[1-9][0-9]*,"waiting":[1-9][0-9]*,'
event '"event":"checkpoint"' 6
kill -KILL "$(pids server | tail -n 1)"
event '"event":"rollback"'
survived
