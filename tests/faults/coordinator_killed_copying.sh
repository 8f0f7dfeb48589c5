#!/bin/bash
# The coordinator dies while rows are copied ahead to a server that joins: the copy is void, and the next coordinator has another one made.
. "$(dirname "$0")/helpers.sh"
fault coordinator recv:COPIED 1 KILL
late_server
survived
expect run/log.jsonl '"event":"takeover"'
expect run/log.jsonl '"event":"move","moved":true'
late_ends_well
