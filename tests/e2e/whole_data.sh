#!/bin/bash
# model.loss: whole: the Gram matrices survive what happens to a run (other shapes of it, a resume from within an epoch, a killed worker)
# bit for bit, and Beibei is learned as well as EHCF's form of the loss was in a prototype (HR@100 0.25).
# time limit: 400
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
limit=120
make_data 1500 600 60000
configure model.name=nmtr_gmf model.loss=whole model.dropout=0.3 train.consistency=sync train.epochs=12 train.batch=128 \
    early_stop.patience=0 early_stop.every=12 eval.floors=false checkpoint.steps=9

calm
penstock 0 train run.yaml --run wide --servers 3 --workers 2
same_digest wide "$want"
penstock 0 export calm
for sum in gram_user gram_item gram_mass; do [ -s "calm/export/$sum.npy" ] || fail "no $sum in the export"; done

# Within an epoch, to another number of servers; then a worker is killed while it trains.
within() { trained halted 2 && [[ $(readlink halted/checkpoints/last) == *-cut-* ]]; }
"$PENSTOCK" train run.yaml --run halted --servers 1 > halted.txt 2>&1 &
pid=$!
wait_until 60 'a checkpoint within an epoch' within
kill -KILL $pid
wait $pid || true
penstock 0 train --resume halted --servers 2 --workers 2
expect halted/log.jsonl '"event":"start".*-cut-'
same_digest halted "$want"

launch killed 2 2
wait_until 60 'the second epoch' trained killed 1
kill -KILL "$(pids killed worker | head -n 1)"
ended $job 0 killed.txt
same_digest killed "$want"
nothing_lost killed

[ -d "$PENSTOCK_DATA/beibei-cart-buy" ] || skip 'PENSTOCK_DATA has no beibei-cart-buy: the rest is not tested'
data=$PENSTOCK_DATA/beibei-cart-buy
penstock 0 prepare --out beibei --behaviours cart,buy --valid none --test "$data/buy.test.tsv.xz" \
    cart="$data/cart.train.tsv.xz" buy="$data/buy.train.tsv.xz"
hr() { # run, model: HR@100 over all targets and over those that the user had not touched
    grep -o "\"$2\":{\"all\":.*" "$1/metrics.json" | grep -o '"\(all\|unseen\)":{[^}]*' | sed 's/.*"hr@100":\([0-9.]*\).*/\1/' | head -n 2
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
