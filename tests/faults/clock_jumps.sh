#!/bin/bash
# The wall clock jumps a day ahead, then two days back: nobody is taken for dead, nothing times out.
. "$(dirname "$0")/helpers.sh"
epochs=8
start
event '"event":"epoch","epoch":1'
echo 86400 > inject/clock
event '"event":"epoch","epoch":4'
echo -86400 > inject/clock
survived
refuse run/log.jsonl '"event":"lost"'
[ "$(grep -o '"time":"[^T]*' run/log.jsonl | sort -u | wc -l)" = 3 ] || fail "the clock has not jumped: $(cut -c 1-32 run/log.jsonl)"
