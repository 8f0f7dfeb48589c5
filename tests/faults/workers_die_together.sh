#!/bin/bash
# Two of three workers die in the same moment, in the middle of a step.
. "$(dirname "$0")/helpers.sh"
workers=3
fault worker send:PUSH 42 KILL
fault worker recv:ACK 40 KILL
start
fired 0
fired 1
event '"event":"lost","role":"worker"' 2
survived
