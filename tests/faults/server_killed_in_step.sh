#!/bin/bash
# A server dies as it acknowledges a push: the other server may have it, the worker does not know.
. "$(dirname "$0")/helpers.sh"
fault server send:ACK 601 KILL # in the second epoch
start
fired 0
survived
expect run/log.jsonl '"event":"rollback"'
