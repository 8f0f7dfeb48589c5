#!/bin/bash
# A server dies as it writes the files of a checkpoint of the best epoch: its replica writes them.
. "$(dirname "$0")/helpers.sh"
fault server fsync 2 KILL
start --set servers.replicas=1
fired 0
survived
expect run/log.jsonl '"event":"promoted"'
refuse run/log.jsonl '"event":"(rollback|checkpoint_failed)"'
