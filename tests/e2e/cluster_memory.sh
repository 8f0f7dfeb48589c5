#!/bin/bash
# A worker's own memory (RssAnon) does not grow with the dataset: ten times the interactions of the same users and items.
# time limit: 200
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
limit=120
anonymous() { sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$1/status" 2> /dev/null || true; }

peak() { # name, interactions, epochs: of the worker, in KiB, into $most
    local worker now
    penstock 0 synth --out log.tsv --users 20000 --items 4000 --interactions "$2"
    penstock 0 prepare --out "$1" --behaviours view,cart,buy log.tsv
    rm log.tsv
    configure data.path="$1" model.name=nmtr_gmf data.shuffle_window=16384 train.batch=4096 train.epochs="$3" eval.users=100 \
        eval.floors=false
    launch "run-$1" 1 1
    wait_until 60 'the worker' joined "run-$1" worker 1
    worker=$(pids "run-$1" worker)
    most=0
    while kill -0 $job 2> /dev/null; do
        now=$(anonymous "$worker")
        [ "${now:-0}" -gt $most ] && most=$now
    done
    ended $job 0 "run-$1.txt"
    echo "# $2 interactions: a worker's RssAnon is at most $most KiB; the dataset has $(du -sk "$1" | cut -f 1) KiB"
    [ "$most" -gt 1000 ] || fail 'the worker was not seen'
}
peak small 100000 10
small=$most
peak large 1000000 1
[ "$most" -le $((small + small / 10 + 1024)) ] || fail "$most KiB with ten times the data, $small KiB before"
