#!/bin/bash
# The coordinator is killed at every stage of a run, again and again. penstock launch starts it again; servers and workers live on; no
# micro-batch is lost or counted twice, and in sync mode the result is that of an undisturbed run, bit for bit.
# time limit: 400
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
. "$(dirname "$0")/coordinator_helpers.sh"
limit=200
make_data 1500 600 60000
configure train.consistency=sync train.epochs=8 early_stop.patience=0 early_stop.every=1 checkpoint.every=1 eval.floors=false \
    net.deadline=20

calm
penstock 0 inspect --digest calm/checkpoints/best
best=$(cat out.txt)

start() { # run, arguments
    launch "$1" 2 2 "${@:2}"
    kills=0
}
ends() { # run, epochs
    ended $job 0 "$1.txt"
    [ "$(samples "$1" | sort -u)" = "$every" ] || fail "epochs of $1 have other samples than $every: $(samples "$1" | tr '\n' ' ')"
    [ "$(samples "$1" | wc -l)" = "$2" ] || fail "$1 has other than $2 epochs: $(grep epoch "$1/log.jsonl")"
    refuse "$1/log.jsonl" '"event":"lost"'
    [ "$(pids "$1" server | sort -u | wc -l)" = 2 ] || fail "$1 had other than 2 servers"
    [ "$(pids "$1" worker | sort -u | wc -l)" = 2 ] || fail "$1 had other than 2 workers"
}

# Killed in turn at each stage of an epoch, and while it reports: each life is ended once its members are with it.
start sync
for stage in training trained validated between reporting; do
    kill_coordinator sync $stage
    wait_until 60 "the coordinator after the one killed while $stage" taken_over sync "$kills"
done
ends sync 8
[ "$(grep -c 'it is started again' sync.txt)" = "$kills" ] || fail "started again other than $kills times: $(cat sync.txt)"
same_digest sync "$want"
penstock 0 inspect --digest sync/checkpoints/best
[ "$(cat out.txt)" = "$best" ] || fail "after $kills kills the best checkpoint is $(cat out.txt) instead of $best"
refuse sync/log.jsonl '"event":"checkpoint_failed"'

# While it waits for its members, and as soon as they have met; then as the run ends.
start ends
kill_coordinator ends between
wait_until 60 'the run to begin' trained ends 1
kill_coordinator ends ended
ends ends 8
same_digest ends "$want"

# async: nothing is bit for bit, but every sample of every epoch is counted once. The second one is killed as soon as it is there, and with
# encryption the members know the third one by the run's keys.
start async --set train.consistency=async --set cluster.security=curve
kill_coordinator async training
kill_coordinator async training
wait_until 60 'the third coordinator' taken_over async 1
kill_coordinator async validated
wait_until 60 'the fourth coordinator' taken_over async 2
ends async 8
