#!/bin/bash
# A server dies as an epoch begins: its replica is asked for it again.
. "$(dirname "$0")/helpers.sh"
fault server send:EPOCH_ACK 2 KILL
start --set servers.replicas=1
fired 0
survived
expect run/log.jsonl '"event":"promoted"'
refuse run/log.jsonl '"event":"rollback"'
