#!/bin/bash
# A server is frozen, replaced by the others, and thaws: what it still says of the old era is void.
. "$(dirname "$0")/helpers.sh"
fault server recv:PUSH 600 STOP
fault server recv:PUSH 1000 HOLD # so that the run is not over too soon
start
fired 0
frozen=$pid
event '"event":"rollback"'
fired 1
kill -CONT "$frozen"
event '"event":"back","role":"server"'
release 1
survived
