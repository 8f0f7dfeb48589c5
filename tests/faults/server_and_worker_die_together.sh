#!/bin/bash
# A server and a worker die in the same moment.
. "$(dirname "$0")/helpers.sh"
fault server recv:PUSH 600 KILL
fault worker recv:ACK 300 KILL
start
fired 0
fired 1
survived
expect run/log.jsonl '"event":"rollback"'
