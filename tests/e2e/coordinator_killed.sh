#!/bin/bash
# The coordinator is killed at every stage of a run, again and again. penstock launch starts it again; servers and workers live on; no
# micro-batch is lost or counted twice, and in sync mode the result is that of an undisturbed run, bit for bit.
# time limit: 400
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/coordinator_helpers.sh"
limit=200
penstock 0 synth --out log.tsv --users 1500 --items 600 --interactions 60000
penstock 0 prepare --out data --behaviours view,cart,buy log.tsv
configure train.consistency=sync train.epochs=8 early_stop.patience=0 early_stop.every=1 checkpoint.every=1 eval.floors=false \
    net.deadline=20

penstock 0 train run.yaml --run calm --workers 1
digest calm
want=$digest
penstock 0 inspect --digest calm/checkpoints/best
best=$(cat out.txt)
every=$(samples calm | sort -u)

launch() { # run, arguments
    "$PENSTOCK" launch run.yaml --servers 2 --workers 2 --run "$@" > "$1.txt" 2>&1 &
    launched=$! kills=0
}
ends() { # run, epochs
    local status=0 pid
    wait $launched || status=$?
    [ $status = 0 ] || { cat "$1.txt"; fail "launch of $1 ended with $status after its coordinator was killed"; }
    [ "$(samples "$1" | sort -u)" = "$every" ] || fail "epochs of $1 have other samples than $every: $(samples "$1" | tr '\n' ' ')"
    [ "$(samples "$1" | wc -l)" = "$2" ] || fail "$1 has other than $2 epochs: $(grep epoch "$1/log.jsonl")"
    refuse "$1/log.jsonl" '"event":"lost"'
    [ "$(pids "$1" server | sort -u | wc -l)" = 2 ] || fail "$1 had other than 2 servers"
    [ "$(pids "$1" worker | sort -u | wc -l)" = 2 ] || fail "$1 had other than 2 workers"
}

# Killed in turn at each stage of an epoch, and while it reports: each life is ended once its members are with it.
launch sync
for stage in training trained validated between reporting; do
    kill_coordinator sync $stage
    wait_until 60 "the coordinator after the one killed while $stage" taken_over sync "$kills"
done
ends sync 8
[ "$(grep -c 'it is started again' sync.txt)" = "$kills" ] || fail "started again other than $kills times: $(cat sync.txt)"
digest sync
[ "$digest" = "$want" ] || fail "after $kills kills the run ended with $digest instead of $want"
penstock 0 inspect --digest sync/checkpoints/best
[ "$(cat out.txt)" = "$best" ] || fail "after $kills kills the best checkpoint is $(cat out.txt) instead of $best"
refuse sync/log.jsonl '"event":"checkpoint_failed"'

# While it waits for its members, and as soon as they have met; then as the run ends.
launch ends
kill_coordinator ends between
wait_until 60 'the run to begin' grep -q '"event":"epoch"' ends/log.jsonl
kill_coordinator ends ended
ends ends 8
digest ends
[ "$digest" = "$want" ] || fail "the run ended with $digest instead of $want"

# async: nothing is bit for bit, but every sample of every epoch is counted once. The second one is killed as soon as it is there, and with
# encryption the members know the third one by the run's keys.
launch async --set train.consistency=async --set cluster.security=curve
kill_coordinator async training
kill_coordinator async training
wait_until 60 'the third coordinator' taken_over async 1
kill_coordinator async validated
wait_until 60 'the fourth coordinator' taken_over async 2
ends async 8
