#!/bin/bash
# Checkpoints within an epoch, while training goes on: everything is killed in the middle of an epoch, and --resume goes on from within
# it, with any number of servers and workers, and ends like an undisturbed run: in sync mode bit for bit, always with every
# sample counted once.
# time limit: 400
. "$(dirname "$0")/helpers.sh"
limit=120
make_data 1500 600 60000
configure train.consistency=sync train.epochs=4 train.batch=64 early_stop.patience=0 early_stop.every=4 eval.floors=false
within() { ls -d "$1"/checkpoints/epoch-*-cut-*; }
# In the second half of the run: the newest whole checkpoint lies within an epoch.
in_the_middle() {
    local last
    last=$(readlink "$1/checkpoints/last")
    [[ $last == epoch-000[234]-cut-* ]]
}
samples() { sed -n 's/.*"event":"epoch","epoch":\([0-9]*\).*"samples":\([0-9]*\).*/\1 \2/p' "$1/log.jsonl" | sort -u; }
counted_once() { # run: four epochs; one that was over before the kill is there twice, and both times with the same samples
    [ "$(samples "$1")" = "$every" ] || fail "epochs of $1 have other samples than $every: $(samples "$1")"
}

penstock 0 train run.yaml --run calm --workers 1
digest calm
want=$digest
every=$(samples calm)

modes=(sync async)
if "$PENSTOCK" config run.yaml --set train.consistency=bounded:2 > /dev/null 2>&1; then modes+=(bounded:2); fi
for mode in "${modes[@]}"; do
    "$PENSTOCK" train run.yaml --run $mode --servers 2 --workers 2 --set train.consistency=$mode --set checkpoint.steps=20 \
        --set checkpoint.minutes=0 > train.txt 2>&1 &
    pid=$!
    wait_until 60 "a checkpoint within an epoch in $mode" in_the_middle $mode
    kill -KILL $pid
    wait $pid 2> /dev/null || true
    last=$(readlink $mode/checkpoints/last)
    [[ $last == *-cut-* ]] || fail "the run was over before it could be killed: $last"
    penstock 0 inspect $mode/checkpoints/last --verify
    expect out.txt 'within epoch'
    cp -r $mode $mode.again
    penstock 0 train --resume $mode --servers 1 --workers 3
    expect $mode/log.jsonl "\"event\":\"start\".*$last"
    counted_once $mode
    [ $mode != sync ] && continue
    same_digest $mode "$want"
    # The same from processes of their own, in another number; the checkpoint's lanes go to whoever is there.
    penstock 0 launch --resume $mode.again --servers 3 --workers 2
    same_digest $mode.again "$want"
    counted_once $mode.again
done

# The same upon checkpoints that hold only what has changed; removing old ones never takes away what a newer one builds upon.
"$PENSTOCK" train run.yaml --run chain --servers 2 --workers 2 --set checkpoint.steps=20 --set checkpoint.base=4 > train.txt 2>&1 &
pid=$!
builds_upon() { in_the_middle chain && grep -q "^parent: 'epoch" chain/checkpoints/last/manifest.yaml; }
wait_until 60 'a checkpoint that builds upon another' builds_upon
kill -KILL $pid
wait $pid 2> /dev/null || true
for folder in chain/checkpoints/epoch-*; do [ ! -e "$folder/manifest.yaml" ] || penstock 0 inspect --verify "$folder"; done
penstock 0 inspect --verify chain
penstock 0 train --resume chain --servers 3 --workers 1
counted_once chain
same_digest chain "$want"
for folder in chain/checkpoints/epoch-*; do penstock 0 inspect --verify "$folder"; done
penstock 0 evaluate chain

# They cost little: the log says what.
expect sync/log.jsonl '"event":"checkpoint".*"pause":[0-9.]+,"memory":[0-9]+,"copies":[0-9]+,"waits":[0-9]+'

# By the clock.
penstock 0 train run.yaml --run clock --set checkpoint.steps=0 --set checkpoint.minutes=0.0002 --set checkpoint.keep=1000 --workers 1
within clock > /dev/null || fail 'checkpoint.minutes has made no checkpoint within an epoch'
same_digest clock "$want"
for folder in clock/checkpoints/epoch-*; do penstock 0 inspect --verify "$folder"; done
