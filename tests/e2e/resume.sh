#!/bin/bash
# A run that was interrupted, or killed, goes on with --resume and ends where an undisturbed one ends, bit for bit.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
make_data
configure train.consistency=sync train.epochs=40 early_stop.patience=0 eval.floors=false
epochs() { grep -c '"epoch"' "$1/log.jsonl"; }
begun() { [ -e "$1/checkpoints/last/manifest.yaml" ]; }

penstock 0 train run.yaml --run whole
digest whole
want=$digest

for signal in TERM KILL; do
    "$PENSTOCK" train run.yaml --run $signal > train.txt 2>&1 &
    pid=$!
    wait_until 60 'the first checkpoint' begun $signal
    kill -$signal $pid
    status=0
    wait $pid || status=$?
    if [ $signal = TERM ] && [ $status != 7 ]; then
        cat train.txt
        fail "SIGTERM ended the run with status $status instead of 7"
    fi
    penstock 0 train --resume $signal
    same_digest $signal "$want"
done

# An epoch that takes long is not waited for: it is saved where it is, and the rest of it is done later.
configure train.consistency=sync train.epochs=2 early_stop.patience=0 eval.floors=false model.name=nmtr_neumf model.embedding=64 train.negatives=32
penstock 0 train run.yaml --run long
digest long
long=$digest
"$PENSTOCK" train run.yaml --run cut > train.txt 2>&1 &
pid=$!
wait_until 60 'the start' grep -qs '"event":"start"' cut/log.jsonl
kill -TERM $pid
status=0
wait $pid || status=$?
[ $status = 7 ] || { cat train.txt; fail "SIGTERM ended the run with status $status instead of 7"; }
expect train.txt 'interrupted within epoch 1 and saved'
refuse cut/log.jsonl '"event":"epoch"'
penstock 0 train --resume cut
same_digest cut "$long"

# Resuming what is finished changes nothing, the speed of its training in the metrics included.
figures() { grep -E '^ "(training|account)"' whole/metrics.json | sed 's/"samples_per_second":[0-9]*//'; }
training=$(figures)
expect whole/metrics.json '"samples_per_second":[1-9]'
penstock 0 train --resume whole
[ "$(figures)" = "$training" ] || fail "resuming a finished run changed its metrics: $(cat whole/metrics.json)"
same_digest whole "$want"
