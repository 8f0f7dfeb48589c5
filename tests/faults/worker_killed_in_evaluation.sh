#!/bin/bash
# A worker dies with its part of a ranking done and not sent: another one ranks it.
. "$(dirname "$0")/helpers.sh"
fault worker send:EVAL_DONE 2 KILL
start
fired 0
event '"event":"lost","role":"worker"'
survived
