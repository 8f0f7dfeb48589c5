#!/bin/bash
# A server with a replica dies while it copies rows ahead to one that joins: its replica goes on, and copies them anew.
. "$(dirname "$0")/helpers.sh"
fault server send:SLOTS 1 KILL
late_server --set servers.replicas=1
survived
expect run/log.jsonl '"event":"promoted"'
expect run/log.jsonl '"event":"move","moved":true'
refuse run/log.jsonl '"event":"rollback"'
late_ends_well
