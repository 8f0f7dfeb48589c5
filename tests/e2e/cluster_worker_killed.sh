#!/bin/bash
# A worker is killed in the middle of training, or hangs: its lanes go on at the other, every micro-batch is counted once, and in
# sync mode the result is that of an undisturbed run, bit for bit. A worker that joins late takes part.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
limit=120
make_data 1500 600 60000
configure train.consistency=sync train.epochs=6 early_stop.patience=0 early_stop.every=6 eval.floors=false \
    checkpoint.every=6

epochs() { grep -c '"event":"epoch"' "$1/log.jsonl"; }
start() { # run, arguments: launches one server and two workers in the background
    launch "$1" 1 2 "${@:2}"
    wait_until 60 "the second epoch of $1" trained "$1" 1
}
ends() { # run: the launch must succeed; all epochs with all samples
    ended $job 0 "$1.txt"
    [ "$(samples "$1" | sort -u)" = "$every" ] || fail "epochs of $1 have other samples than $every: $(samples "$1")"
    [ "$(epochs "$1")" = 6 ] || fail "$1 has other than 6 epochs"
    [ "$(grep -c '"event":"account".*"lost":0,"twice":0}' "$1/log.jsonl")" = 6 ] || fail "the account of $1 is not whole"
}

calm

for signal in KILL STOP; do
    start $signal
    victim=$(pids $signal worker | head -n 1)
    before=$(epochs $signal)
    kill -$signal "$victim"
    [ "$before" -lt 6 ] || fail 'the run was over before the worker could be lost'
    ends $signal
    kill -KILL "$victim" 2> /dev/null || true # what was stopped does not end by itself
    expect $signal/log.jsonl '"event":"lost","role":"worker"'
    same_digest $signal "$want"
done

# async: nothing is bit for bit, but every sample of every epoch is counted once.
start async --set train.consistency=async
kill -KILL "$(pids async worker | tail -n 1)"
ends async
expect async/log.jsonl '"event":"lost","role":"worker"'

# A worker that hung for a while comes back and works again; another one joins, and the first two leave for good.
start back --set train.epochs=400 --set checkpoint.every=1
first=$(pids back worker | head -n 1)
second=$(pids back worker | tail -n 1)
kill -STOP "$first"
wait_until 30 'the loss of the stopped worker' happened back '"event":"lost"'
kill -CONT "$first"
wait_until 30 'the return of the stopped worker' happened back '"event":"back"'
mpi 1 join back
"${mpi[@]}" > joined.txt 2>&1 &
late=$!
wait_until 30 'the joining worker' joined back worker 3
kill -KILL "$first" "$second"
reached=$(epochs back)
wait_until 60 'epochs of the joined worker alone' trained back $((reached + 3))
kill -TERM $job
ended $job 7 back.txt
wait $late || true
[ "$(samples back | sort -u)" = "$every" ] || fail "epochs have other samples than $every: $(samples back | sort -u)"
