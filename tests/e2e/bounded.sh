#!/bin/bash
# bounded:S: however slow a worker is, no other one computes on rows that miss a push of more than S steps ago (I11), every micro-batch
# is counted once, and a killed worker changes nothing of that. In async mode the same slow worker is left far behind: the test can see.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
make_data 1500 600 60000
configure train.epochs=2 train.negatives=7 model.embedding=32 early_stop.patience=0 eval.floors=false eval.users=100 \
    cluster.member_timeout=30 # the slow worker is to be slow, not dead

staleness() { sed -n 's/.*"event":"epoch".*"staleness":\([0-9]*\).*/\1/p' "$1/log.jsonl" | sort -n | tail -n 1; } # run: the most
elapsed() { [ $((${EPOCHREALTIME/[.,]/} - $1)) -ge "$2" ]; } # since, microseconds
slow() { # consistency: a run of two workers, one of which is stopped for most of the time; $most is the run's staleness
    local name=${1/:/-} victim _
    launch "$name" 2 2 --set train.consistency="$1"
    wait_until 60 'both workers at work' working "$name" 2
    victim=$(pids "$name" worker | head -n 1)
    for _ in 1 2 3; do
        kill -STOP "$victim"
        wait_until 10 'the other worker to go on' elapsed "${EPOCHREALTIME/[.,]/}" 700000
        kill -CONT "$victim"
        wait_until 10 'the slow worker to go on' elapsed "${EPOCHREALTIME/[.,]/}" 50000
    done
    [ "$2" = kill ] && kill -KILL "$victim"
    ended $job 0 "$name.txt"
    nothing_lost "$name"
    most=$(staleness "$name")
    echo "# $1: rows were at most $most steps behind"
}
slow async stay
[ "$most" -gt 20 ] || fail "async: the slow worker has left the others only $most steps behind: nothing is seen by this"
for bound in 1 3; do
    slow bounded:$bound kill
    [ "$most" -le $bound ] || fail "bounded:$bound let rows be $most steps behind"
    [ "$most" -ge 1 ] || fail 'no row was ever stale: that is sync'
done
expect bounded-3/config.yaml '^  consistency: bounded:3$'

# It goes on after a checkpoint, embedded too.
penstock 0 train --resume bounded-3 --workers 3 --set train.epochs=3
expect bounded-3/log.jsonl '"event":"epoch","epoch":3,.*"staleness":[0-3]}'
