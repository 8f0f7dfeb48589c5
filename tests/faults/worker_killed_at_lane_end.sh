#!/bin/bash
# A worker dies when a lane of its has ended, before it can tell the coordinator: the next holder repeats the END.
. "$(dirname "$0")/helpers.sh"
fault worker send:LANE_DONE 1 KILL
start
fired 0
event '"event":"lost","role":"worker"'
survived
