#!/bin/bash
# A server dies while it sends rows to one that joins: what it had is gone, and everybody goes back to the last checkpoint.
. "$(dirname "$0")/helpers.sh"
fault server send:SLOTS 1 KILL
late_server
survived
expect run/log.jsonl '"event":"rollback"'
late_ends_well
