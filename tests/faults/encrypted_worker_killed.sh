#!/bin/bash
# With security: curve, a worker dies in a step and another one joins.
. "$(dirname "$0")/helpers.sh"
fault worker send:PUSH 42 KILL
fault server recv:PUSH 300 HOLD
start --set cluster.security=curve
fired 0
fired 1
join late
event '"event":"member","role":"worker"' 3
event '"event":"lost","role":"worker"'
release 1
survived
wait "$joined"
