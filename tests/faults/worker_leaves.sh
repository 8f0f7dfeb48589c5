#!/bin/bash
# A worker is told to leave (SIGTERM) in the middle of an epoch: it hands its lanes back and ends well.
. "$(dirname "$0")/helpers.sh"
fault server recv:PUSH 200 HOLD
start
fired 0
leaver=$(pids worker | head -n 1)
kill -TERM "$leaver"
release 0
wait_until "$patience" 'the end of the worker' dead "$leaver"
survived
expect run/log.jsonl '"event":"left","role":"worker"'
refuse run/log.jsonl '"event":"lost"'
