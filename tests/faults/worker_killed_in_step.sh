#!/bin/bash
# A worker dies between its pushes of one micro-batch: one server has it, the other has not. The next holder repeats it, and the
# server that has it drops the repeat.
. "$(dirname "$0")/helpers.sh"
fault worker send:PUSH 42 KILL
start
fired 0
event '"event":"lost","role":"worker"'
survived
read -r _ repeated < account.txt
[ "$repeated" -ge 1 ] || fail 'no push was repeated: the worker did not die between two of them'
