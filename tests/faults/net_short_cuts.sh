#!/bin/bash
# The links of a worker, a server and the coordinator are cut for half a second each, one after the other. TCP takes
# a moment longer to go on, so that a worker may be taken for dead; nothing else may come of it.
. "$(dirname "$0")/helpers.sh"
on_hosts
fault server recv:PUSH 300 HOLD
start
fired 0
release 0
for host in w1 s1 c1; do
    lab_link $host cable 0
    sleep 0.5
    lab_link $host cable 1
done
survived
