#!/bin/bash
# A server dies before there is any checkpoint: the run begins again from its initial values.
. "$(dirname "$0")/helpers.sh"
fault server recv:PUSH 100 KILL
start
fired 0
survived
expect run/log.jsonl '"event":"rollback"'
