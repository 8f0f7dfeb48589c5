#!/bin/bash
# A server dies as it acknowledges a push, which its replica has: that goes on, and nobody goes back.
. "$(dirname "$0")/helpers.sh"
fault server send:ACK 601 KILL # in the second epoch
start --set servers.replicas=1
fired 0
survived
expect run/log.jsonl '"event":"promoted"'
refuse run/log.jsonl '"event":"rollback"'
