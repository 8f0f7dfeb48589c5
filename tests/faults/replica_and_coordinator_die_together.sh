#!/bin/bash
# The coordinator and a server die in the same moment: the next coordinator lets the replica go on.
. "$(dirname "$0")/helpers.sh"
fault coordinator recv:LANE_DONE 11 KILL # in the second epoch
start --set servers.replicas=1
fired 0
kill -KILL "$(pids server | head -n 1)"
survived
expect run/log.jsonl '"event":"takeover"'
expect run/log.jsonl '"event":"promoted"'
refuse run/log.jsonl '"event":"rollback"'
