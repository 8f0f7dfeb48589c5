#!/bin/bash
# Every link loses 2 % of its packets and delays them by 2 ms, more or less.
. "$(dirname "$0")/helpers.sh"
on_hosts
epochs=1
lab_link all loss 1 delay 1 jitter 1
start
survived
