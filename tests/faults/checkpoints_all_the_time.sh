#!/bin/bash
# Checkpoints are made after every other step, while a worker and then a server die.
. "$(dirname "$0")/helpers.sh"
fault worker send:PUSH 142 KILL
fault server send:ACK 700 KILL
start --set checkpoint.steps=2
fired 0
fired 1
survived
