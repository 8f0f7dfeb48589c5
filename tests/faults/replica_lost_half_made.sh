#!/bin/bash
# A server that joins dies while it is being made a replica: the others go on.
. "$(dirname "$0")/helpers.sh"
one_left
fault server recv:REPL 30 KILL
join late --as server
fired 0
event '"event":"lost","role":"server"' 2
survived
refuse run/log.jsonl '"event":"rollback"'
