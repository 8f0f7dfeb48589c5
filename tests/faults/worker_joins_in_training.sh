#!/bin/bash
# A worker joins in the middle of an epoch.
. "$(dirname "$0")/helpers.sh"
fault server recv:PUSH 200 HOLD # so that the run is not over too soon
start
fired 0
join late
event '"event":"member","role":"worker"' 3
release 0
survived
wait "$joined"
