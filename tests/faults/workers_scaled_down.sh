#!/bin/bash
# penstock scale makes two of three workers leave while they work.
. "$(dirname "$0")/helpers.sh"
workers=3
fault server recv:PUSH 200 HOLD
start
fired 0
penstock 0 scale run --workers 1
release 0
event '"event":"left","role":"worker"' 2
survived
refuse run/log.jsonl '"event":"lost"'
