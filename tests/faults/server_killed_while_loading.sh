#!/bin/bash
# A server dies in a step, and another one while it loads the checkpoint that all go back to.
. "$(dirname "$0")/helpers.sh"
servers=3
fault server recv:PUSH 600 KILL
fault server recv:LOAD 2 KILL
start
fired 0
fired 1
survived
expect run/log.jsonl '"event":"rollback"'
