# coordinator_helpers.sh - what the tests of the coordinator's restart share; sourced after helpers.sh and cluster_helpers.sh.
# shellcheck shell=bash

taken_over() { happened "$1" '"event":"takeover"' "$2"; } # run, times
# record RUN: the newest record's stage, pid and term, by the shell alone, to be fast enough for a stage of milliseconds.
record() {
    local file newest='' key value
    stage='' pid='' term=''
    for file in "$1"/state/0*; do newest=$file; done
    [ -e "$newest" ] || return 0
    while read -r key value; do
        case $key in stage:) stage=$value ;; pid:) pid=$value ;; term:) term=$value ;; esac
    done < "$newest"
}
# kill_coordinator RUN STAGE: waits until a coordinator that has not been killed yet records the stage, and kills it there. Counts $kills.
kills=0 killed=' '
kill_coordinator() {
    local deadline=$((SECONDS + 60)) at=$2
    while :; do
        record "$1" 2> /dev/null # it may be removed while it is read
        [[ "|$at|" == *"|$stage|"* ]] && [[ $killed != *" $pid "* ]] && break
        [ $SECONDS -lt $deadline ] || fail "no coordinator of $1 came to the stage '$at': $(tail -n 3 "$1/log.jsonl")"
        read -rt 0.001 <> <(:) || true
    done
    kill -KILL "$pid"
    killed="$killed$pid " kills=$((kills + 1))
    echo "# killed the coordinator of term $term while $at"
}
