#!/bin/bash
# Two hosts with two servers each: replicas are on the other host, which goes on alone when one is lost with everything on it.
. "$(dirname "$0")/helpers.sh"
on_hosts
sed -i 's/ server 1 / server 2 /' hosts
fault worker recv:ACK 600 HOLD # so that the run is not over too soon
start --set servers.replicas=1
fired 0
for shard in 0 1 2 3; do expect run/log.jsonl "\"event\":\"replica\",\"shard\":$shard,.*\"state\":\"synced\""; done
lab_crash s1
event '"event":"promoted"' 2
release 0
survived
refuse run/log.jsonl '"event":"rollback"'
refuse run.txt 'all servers are on one host'
