#!/bin/bash
# A worker dies as it asks for the rows of a micro-batch: nothing of it has reached a server.
. "$(dirname "$0")/helpers.sh"
fault worker send:PULL 60 KILL
start
fired 0
event '"event":"lost","role":"worker"'
survived
