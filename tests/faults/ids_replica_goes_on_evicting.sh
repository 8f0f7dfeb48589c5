#!/bin/bash
# The same with replicas: the one that takes over has let the same rows go, or does so now.
. "$(dirname "$0")/helpers.sh"
ids_come_and_go
fault server send:EPOCH_ACK 2 KILL
start --set servers.replicas=1
fired 0
survived
expect run/log.jsonl '"event":"promoted"'
refuse run/log.jsonl '"event":"rollback"'
gone_once
