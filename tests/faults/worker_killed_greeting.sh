#!/bin/bash
# A worker dies as it is welcomed, before its first beat: that is noticed by its connection, like a later death.
. "$(dirname "$0")/helpers.sh"
fault worker recv:WELCOME 1 KILL
start
fired 0
survived
expect run/log.jsonl '"event":"lost","role":"worker".*its connection is gone'
