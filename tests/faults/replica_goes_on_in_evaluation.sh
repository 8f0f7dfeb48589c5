#!/bin/bash
# A server dies in an evaluation: its replica answers.
. "$(dirname "$0")/helpers.sh"
fault worker recv:EVAL 2 HOLD # in the second epoch
start --set servers.replicas=1
fired 0
kill -KILL "$(pids server | head -n 1)"
event '"event":"promoted","shard":[0-9]*,.*"during":"evaluation"'
release 0
survived
refuse run/log.jsonl '"event":"rollback"'
