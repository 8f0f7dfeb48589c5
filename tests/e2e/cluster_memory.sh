#!/bin/bash
# A worker's own memory (RssAnon) does not grow with the dataset: ten times the interactions of the same users and items.
# time limit: 200
. "$(dirname "$0")/helpers.sh"
limit=120
anonymous() { sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$1/status" 2> /dev/null || true; }

peak() { # name, interactions, epochs: of the worker, in KiB, into $most
    local launched worker now status=0
    penstock 0 synth --out log.tsv --users 20000 --items 4000 --interactions "$2"
    penstock 0 prepare --out "$1" --behaviours view,cart,buy log.tsv
    rm log.tsv
    configure data.path="$1" model.name=nmtr_gmf data.shuffle_window=16384 train.batch=4096 train.epochs="$3" eval.users=100 \
        eval.floors=false
    "$PENSTOCK" launch run.yaml --servers 1 --workers 1 --run "run-$1" > launch.txt 2>&1 &
    launched=$!
    wait_until 60 'the worker' grep -q '"event":"member","role":"worker"' "run-$1/log.jsonl"
    worker=$(sed -n 's/.*"event":"member","role":"worker".*"pid":\([0-9]*\).*/\1/p' "run-$1/log.jsonl")
    most=0
    while kill -0 $launched 2> /dev/null; do
        now=$(anonymous "$worker")
        [ "${now:-0}" -gt $most ] && most=$now
    done
    wait $launched || status=$?
    [ $status = 0 ] || { cat launch.txt; fail "launch ended with $status"; }
    echo "# $2 interactions: a worker's RssAnon is at most $most KiB; the dataset has $(du -sk "$1" | cut -f 1) KiB"
    [ "$most" -gt 1000 ] || fail 'the worker was not seen'
}
peak small 100000 10
small=$most
peak large 1000000 1
[ "$most" -le $((small + small / 10 + 1024)) ] || fail "$most KiB with ten times the data, $small KiB before"
