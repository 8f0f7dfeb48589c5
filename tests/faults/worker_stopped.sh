#!/bin/bash
# A worker is frozen for good: its lanes go on at the other.
. "$(dirname "$0")/helpers.sh"
fault worker send:PUSH 42 STOP
start
fired 0
event '"event":"lost","role":"worker"'
survived
kill -KILL "$pid" 2> /dev/null || true
