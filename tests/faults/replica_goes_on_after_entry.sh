#!/bin/bash
# A server dies as it tells its replica of a push: taken in here, not there, and not acknowledged.
. "$(dirname "$0")/helpers.sh"
fault server send:REPL 601 KILL # in the second epoch
start --set servers.replicas=1
fired 0
survived
expect run/log.jsonl '"event":"promoted"'
refuse run/log.jsonl '"event":"rollback"'
