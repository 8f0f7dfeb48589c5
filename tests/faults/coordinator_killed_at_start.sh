#!/bin/bash
# The coordinator dies before it has written its first record, when it has a folder of sockets and nobody knows where it is.
# modes: sync
. "$(dirname "$0")/helpers.sh"
fault coordinator link 1 KILL
start
fired 0
survived
[ ! -L run/state/sockets ] || fail 'run/state/sockets is left behind'
