#!/bin/bash
# A worker's own thread is stuck, while its beats go on: its lanes are taken from it.
. "$(dirname "$0")/helpers.sh"
fault worker send:PUSH 42 HOLD
start
fired 0
survived
