#!/bin/bash
# A worker dies when every server has acknowledged its push.
. "$(dirname "$0")/helpers.sh"
fault worker recv:ACK 42 KILL
start
fired 0
event '"event":"lost","role":"worker"'
survived
