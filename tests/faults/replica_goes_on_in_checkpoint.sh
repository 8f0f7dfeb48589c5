#!/bin/bash
# A server dies on the way to a cut: the cut is made anew with its replica.
. "$(dirname "$0")/helpers.sh"
fault server recv:CUT_AT 2 KILL
start --set servers.replicas=1
fired 0
survived
expect run/log.jsonl '"event":"promoted"'
refuse run/log.jsonl '"event":"(rollback|checkpoint_failed)"'
