#!/bin/bash
# The launching process is killed: every other process ends by itself, and --resume goes on.
. "$(dirname "$0")/helpers.sh"
fault server recv:PUSH 1000 HOLD # in the second epoch
start --set cluster.coordinator_timeout=3
fired 0
all=$(coordinator; pids server; pids worker)
kill -KILL "$launched"
ends 137
release 0
for pid in $all; do wait_until "$patience" "the end of process $pid" dead "$pid"; done
resume
whole
same
