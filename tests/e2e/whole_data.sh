#!/bin/bash
# Models that know of all pairs by Gram matrices on the servers (model.loss: whole, wmf_als): these survive what happens to a run (other
# shapes of it, a resume from within an epoch, a killed worker) bit for bit. Beibei is learned about as well as in a prototype.
# time limit: 400
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
limit=120
make_data 1500 600 60000

# within RUN: it has a checkpoint within its third epoch or later.
within() { trained "$1" 2 && [[ $(readlink "$1/checkpoints/last") == *-cut-* ]]; }
survives() { # model, the tensors of its sums, settings: in sync
    local model=$1 sums=$2 run=$1-halted sum
    configure model.name="$model" train.consistency=sync early_stop.patience=0 early_stop.every=1000 eval.floors=false "${@:3}"
    calm
    penstock 0 train run.yaml --run "$model-wide" --servers 3 --workers 2
    same_digest "$model-wide" "$want"
    penstock 0 export calm
    for sum in $sums; do [ -s "calm/export/$sum.npy" ] || fail "no $sum in the export of $model"; done

    "$PENSTOCK" train run.yaml --run "$run" --servers 1 > halted.txt 2>&1 &
    local pid=$!
    wait_until 60 "a checkpoint within an epoch of $model" within "$run"
    kill -KILL $pid
    wait $pid || true
    penstock 0 train --resume "$run" --servers 2 --workers 2
    expect "$run/log.jsonl" '"event":"start".*-cut-'
    same_digest "$run" "$want"

    launch "$model-killed" 2 2
    wait_until 60 'the second epoch' trained "$model-killed" 1
    kill -KILL "$(pids "$model-killed" worker | head -n 1)"
    ended $job 0 "$model-killed.txt"
    same_digest "$model-killed" "$want"
    nothing_lost "$model-killed"
    rm -r calm
}
survives nmtr_gmf 'gram_user gram_item gram_mass' model.loss=whole model.dropout=0.3 train.epochs=12 train.batch=128 checkpoint.steps=9
survives wmf_als 'gram_user gram_item' model.l2=0.1 train.epochs=60 train.batch=300 checkpoint.steps=2

# A row that does not fit into a micro-batch.
penstock 2 train run.yaml --run small --set train.batch=20
expect err.txt 'set train.batch to at least that'

[ -d "$PENSTOCK_DATA/beibei-cart-buy" ] || skip 'PENSTOCK_DATA has no beibei-cart-buy: the rest is not tested'
data=$PENSTOCK_DATA/beibei-cart-buy
penstock 0 prepare --out beibei --behaviours cart,buy --valid none --test "$data/buy.test.tsv.xz" \
    cart="$data/cart.train.tsv.xz" buy="$data/buy.train.tsv.xz"
hr() { # run, model: HR@100 over all targets and over those that the user had not touched
    grep -o '"models":.*' "$1/metrics.json" | grep -o "\"$2\":{\"all\":.*" | grep -o '"\(all\|unseen\)":{[^}]*' | sed 's/.*"hr@100":\([0-9.]*\).*/\1/' | head -n 2
}
at_least() { # run, model, all, unseen
    local found
    found=$(hr "$1" "$2" | tr '\n' ' ')
    awk -v found="$found" -v all="$3" -v unseen="$4" 'BEGIN { split(found, x); exit !(x[1] >= all && x[2] >= unseen) }' ||
        fail "$1: HR@100 is $found, at least $3 and $4 were expected"
}
configure data.path=beibei model.name=gmf model.embedding=64 model.loss=whole model.dropout=0.5 train.epochs=16 \
    train.batch=2048 eval.floors=false eval.k=[10,100]
penstock 0 train run.yaml --run gmf --quiet
at_least gmf gmf 0.24 0.25

configure data.path=beibei model.name=wmf_als model.embedding=64 model.l2=0.01 train.epochs=10 train.batch=8192 eval.floors=false \
    eval.k=[10,100]
penstock 0 train run.yaml --run als --quiet
at_least als wmf_als 0.20 0.20
