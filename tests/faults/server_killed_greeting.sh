#!/bin/bash
# A server dies as it is welcomed, before its first beat: that is noticed by its connection, like a later death.
. "$(dirname "$0")/helpers.sh"
fault server recv:WELCOME 1 KILL
start
fired 0
survived
expect run/log.jsonl '"event":"lost","role":"server".*its connection is gone'
