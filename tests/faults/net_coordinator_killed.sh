#!/bin/bash
# The coordinator is killed on its own host: it is started again there, through the agent, and the other hosts find it at its port.
# modes: sync
. "$(dirname "$0")/helpers.sh"
on_hosts
fault coordinator recv:LANE_DONE 11 KILL # in the second epoch
start
fired 0
survived
expect run/log.jsonl '"event":"takeover"'
refuse run/log.jsonl '"event":"lost"'
