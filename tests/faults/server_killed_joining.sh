#!/bin/bash
# A server that joins dies when the first rows have come to it: the others still own them, and go on without a rollback.
. "$(dirname "$0")/helpers.sh"
fault server recv:SLOTS 1 KILL
late_server
survived
expect run/log.jsonl '"event":"move","moved":false'
refuse run/log.jsonl '"event":"rollback"'
