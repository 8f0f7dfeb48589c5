#!/bin/bash
# A server dies as it has let rows of ids go, at an epoch's beginning: they are there again in the checkpoint that all go back to, and go
# again.
. "$(dirname "$0")/helpers.sh"
ids_come_and_go
fault server send:EPOCH_ACK 2 KILL
start
fired 0
survived
expect run/log.jsonl '"event":"rollback"'
gone_once
