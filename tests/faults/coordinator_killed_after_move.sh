#!/bin/bash
# The coordinator dies when it has decided that slots have moved to a server that joins, and no server has done as it says.
. "$(dirname "$0")/helpers.sh"
fault server recv:MAP 1 HOLD
late_server
kill -KILL "$(coordinator)"
release 0
survived
expect run/log.jsonl '"event":"takeover"'
late_ends_well
