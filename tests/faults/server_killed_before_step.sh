#!/bin/bash
# A server dies as it takes in a push, before the push has any effect. All go back to the last checkpoint and on from there.
. "$(dirname "$0")/helpers.sh"
fault server recv:PUSH 600 KILL # in the second epoch
start
fired 0
survived
expect run/log.jsonl '"event":"rollback".*"to":"epoch-0001"'
