#!/bin/bash
# The link of a worker's host has 4 Mbit/s: the job becomes slow, and nobody is taken for dead.
. "$(dirname "$0")/helpers.sh"
on_hosts
epochs=1
fault server recv:PUSH 100 HOLD
start
fired 0
lab_link w1 rate 4
release 0
survived
refuse run/log.jsonl '"event":"lost"'
