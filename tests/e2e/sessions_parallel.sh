#!/bin/bash
# GRU4Rec's session-parallel training, whose tracks carry their state from micro-batch to micro-batch: in sync the same checkpoint for any
# number of servers and workers and over any transport, after the loss of a worker, and of everything within an epoch; in async every
# step of every session is counted once.
# time limit: 400
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
limit=120
penstock 0 synth --out log.tsv --users 1500 --items 600 --interactions 60000
penstock 0 prepare --sessions --session-gap none --test-from 0.1 --out data log.tsv
configure model.name=gru4rec model.embedding=24 model.layers=2 model.dropout=0.2 model.dropout_hidden=0.1 train.batch=32 train.lanes=6 \
    train.candidates=sampled train.samples=64 optimizer.name=adagrad_momentum train.consistency=sync train.epochs=4 \
    early_stop.patience=0 early_stop.every=4 eval.floors=false checkpoint.every=4

calm
penstock 0 inspect data
steps=$(awk '/training targets$/ { print $1 }' out.txt)
[ "$every" = "$steps" ] || fail "an epoch has $every samples, the dataset $steps next items"

penstock 0 train run.yaml --run many --servers 3 --workers 2
same_digest many "$want"
mpi 5 train run.yaml --run ipc --set cluster.servers=2 --set cluster.transport=ipc --quiet
run 0 120 "${mpi[@]}"
same_digest ipc "$want"

# A worker dies within an epoch: the lanes' states are where the next holders find them, as they were before the micro-batch that is
# repeated. A death between two epochs says nothing, and is tried again.
within() { [[ $(readlink "$1/checkpoints/last") == epoch-000[234]-cut-* ]]; } # run
within_an_epoch() { # run
    happened "$1" '"event":"handover".*"why":"lost".*"position":[1-9]'
}
for mode in sync async bounded:1; do
    for attempt in 1 2 3 4 5; do
        rm -rf worker-$mode
        launch worker-$mode 2 2 --set train.consistency=$mode --set checkpoint.steps=100 --set checkpoint.minutes=0
        wait_until 60 "a checkpoint within an epoch of worker-$mode" within worker-$mode
        kill -KILL "$(pids worker-$mode worker | head -n 1)"
        ended $job 0 worker-$mode.txt
        ! within_an_epoch worker-$mode || break
    done
    within_an_epoch worker-$mode || fail "worker-$mode lost no worker within an epoch, $attempt times"
    [ "$(samples worker-$mode | sort -u)" = "$every" ] || fail "epochs of worker-$mode have other samples: $(samples worker-$mode)"
    nothing_lost worker-$mode
    [ $mode != sync ] || same_digest worker-$mode "$want"
done

# Everything dies within an epoch; another number of servers and workers goes on from the newest checkpoint.
for mode in sync async; do
    "$PENSTOCK" train run.yaml --run all-$mode --servers 2 --workers 2 --set train.consistency=$mode --set checkpoint.steps=20 \
        --set checkpoint.minutes=0 > all.txt 2>&1 &
    job=$!
    wait_until 60 "a checkpoint within an epoch of all-$mode" within all-$mode
    kill -KILL $job
    wait $job 2> /dev/null || true
    penstock 0 train --resume all-$mode --servers 1 --workers 3
    [ "$(samples all-$mode | sort -u)" = "$every" ] || fail "epochs of all-$mode have other samples: $(samples all-$mode)"
    [ $mode != sync ] || same_digest all-$mode "$want"
done

# What is carried is not what was learned: it is not exported. Losses that are not of sessions are refused.
penstock 0 export many
refuse out.txt 'state'
penstock 2 train run.yaml --run refused --set model.loss=bce
expect err.txt 'model.loss is none of a next item, which model gru4rec learns from; set model.loss to default, or to one of softmax'
