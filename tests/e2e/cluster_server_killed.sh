#!/bin/bash
# Servers are killed with SIGKILL: in the middle of an epoch, in an evaluation, while they write a checkpoint, while they load one, two
# at once, the only one; with and without a replacement; or they hang and come back. The run goes on by itself, from the last
# checkpoint, and in sync mode ends with the checkpoint and the statistics of an undisturbed run.
# time limit: 600
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
limit=120
make_data 1500 600 60000
epochs=12
configure train.consistency=sync train.epochs=$epochs early_stop.patience=0 early_stop.every=3 eval.floors=false \
    servers.wait=0

statistics() { # run: everything in metrics.json but times and retries
    sed -E 's/"(seconds|samples_per_second|validation_seconds|checkpoint_seconds|repeated)":[0-9.]+//g' "$1/metrics.json"
}
in_epoch() { # run, epoch: waits until it is being trained
    wait_until 60 "epoch $2 of $1" trained "$1" $(($2 - 1))
    trained "$1" $((epochs - 1)) && fail "$1 was over before a server could be killed"
    return 0
}
undisturbed() { # name, arguments: what the following runs must come to
    calm=$1
    penstock 0 train run.yaml --run "$1" --workers 1 "${@:2}"
    digest "$1"
    want=$digest
}
as_undisturbed() { # run
    ended $job 0 "$1.txt"
    same_digest "$1" "$want"
    [ "$(statistics "$1")" = "$(statistics $calm)" ] || fail "$1 has other statistics: $(statistics "$1") instead of $(statistics $calm)"
}

undisturbed calm

# The other server takes over.
launch shared 2 2
in_epoch shared 4
kill -KILL "$(pids shared server | head -n 1)"
as_undisturbed shared
expect shared/log.jsonl '"event":"lost","role":"server"'
expect shared/log.jsonl '"event":"rollback","during":"[a-z]*","lost_servers":1,"to":"epoch-0[0-9]*","epoch":[0-9]*,"steps_lost":[0-9]*,"era":2,"map":2,"servers":1'
expect shared.txt 'back to epoch-.*steps are lost'

# There is no checkpoint yet: back to the beginning.
launch first 2 1 --set checkpoint.every=$epochs
in_epoch first 3
kill -KILL "$(pids first server | tail -n 1)"
as_undisturbed first
expect first/log.jsonl '"event":"rollback",.*"to":"the beginning","epoch":0'

# The only server: launch starts another one.
launch only 1 1 --set servers.wait=60
in_epoch only 3
kill -KILL "$(pids only server)"
as_undisturbed only
expect only/log.jsonl '"event":"rollback",.*"servers":1'
joined only server 2 || fail 'launch has started no other server'

# One of two: launch starts another one in its place.
launch replaced 2 1 --set servers.wait=60
in_epoch replaced 3
kill -KILL "$(pids replaced server | head -n 1)"
as_undisturbed replaced
expect replaced/log.jsonl '"event":"rollback",.*"servers":2'
expect replaced.txt 'a server on this machine was lost; another one is started there \(1 of 5\)'
joined replaced server 3 || fail 'launch has started no other server'

# A spare server stands by, and takes over at once. Then both die together, and two more come.
long=(--set train.epochs=80 --set early_stop.every=40)
undisturbed calm-long "${long[@]}"
coordinate spare 2 1 --set servers.wait=60 "${long[@]}"
join spare server
join spare server
join spare worker
in_epoch spare 2
join spare server
wait_until 30 'the spare server' joined spare server 3
kill -KILL "$(pids spare server | head -n 1)"
wait_until 30 'the first rollback' happened spare '"event":"rollback"'
mapfile -t old < <(pids spare server)
join spare server
join spare server
kill -KILL "${old[1]}" "${old[2]}"
as_undisturbed spare
happened spare '"event":"rollback"' 2 || fail 'the second loss made no rollback'
wait

# A server hangs, is given up, and comes back when the other one is killed.
coordinate frozen 2 1 "${long[@]}"
join frozen server
join frozen server
join frozen worker
in_epoch frozen 2
mapfile -t old < <(pids frozen server)
kill -STOP "${old[0]}"
wait_until 30 'the first rollback' happened frozen '"event":"rollback"'
kill -CONT "${old[0]}"
wait_until 30 'the return of the server' happened frozen '"event":"back","role":"server"'
kill -KILL "${old[1]}"
as_undisturbed frozen
happened frozen '"event":"rollback"' 2 || fail 'the loss of the second server made no rollback'
wait

# In an evaluation, which takes a while here: an epoch is told of when it begins.
penstock 0 synth --out wide.tsv --users 1500 --items 8000 --interactions 60000
penstock 0 prepare --out wide --behaviours view,cart,buy wide.tsv
wide=(--set data.path=wide --set train.epochs=2 --set early_stop.every=1)
undisturbed calm-wide "${wide[@]}"
for attempt in 1 2 3 4 5; do
    coordinate evaluation$attempt 2 1 "${wide[@]}"
    join evaluation$attempt server
    join evaluation$attempt server
    join evaluation$attempt worker
    wait_until 60 'an evaluation' trained evaluation$attempt 1
    kill -KILL "$(pids evaluation$attempt server | head -n 1)"
    as_undisturbed evaluation$attempt
    wait
    happened evaluation$attempt '"event":"rollback","during":"evaluation"' && break
    [ $attempt -lt 5 ] || fail 'no server died in an evaluation'
done

# On the way of a checkpoint's file to safety; then another one when it begins to load that.
command -v strace > /dev/null || skip 'the rest needs strace'
strace -qq -f -o /dev/null true 2> /dev/null || skip 'the rest needs a strace that may trace'
undisturbed calm-again
coordinate double 3 1
join double server
join double server strace -qq -f -o /dev/null -P "$PWD/double/checkpoints/epoch-0002" -e trace=fsync -e inject=fsync:signal=KILL
manifests=()
for ((i = 1; i <= epochs; i++)); do manifests+=(-P "$PWD/double/checkpoints/$(printf 'epoch-%04d' $i)/manifest.yaml"); done
join double server strace -qq -f -o /dev/null -e trace=openat "${manifests[@]}" -e inject=openat:signal=KILL
join double worker
as_undisturbed double
expect double/log.jsonl '"event":"rollback","during":"[a-z]*","lost_servers":2,.*"era":3,.*"servers":1'
wait
