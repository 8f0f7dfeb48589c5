#!/bin/bash
# The only worker dies, and another one joins: the run waits for it.
. "$(dirname "$0")/helpers.sh"
workers=1
fault worker send:PUSH 101 KILL
start
fired 0
event '"event":"lost","role":"worker"'
join late
survived
wait "$joined"
