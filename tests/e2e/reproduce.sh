#!/bin/bash
# A table of experiments over made data: killed, interrupted and gone on with, it comes to the same; cells without data, trials that fail, a rule, what is
# not run again, and the pictures.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
penstock 0 synth --out log.tsv --users 400 --items 250 --interactions 16000
cat > small.yaml << 'YAML'
title: A small table
protocol: Made data.
select: ndcg@10
seeds: [1, 2]
search: {trials: 4, halving: 2, epochs: 8, every: 2, seed: 3}
set: {model.embedding: 8, train.batch: 512, train.lanes: 4, train.consistency: sync}
data:
  shop:
    prepare: [--behaviours, "view,cart,buy", log.tsv]
    tune: [--test, last-by-time, --forget-test]
    final: [--test, last-by-time, --valid, none]
columns:
  - {name: all, metrics: [hr@10, ndcg@10]}
  - {name: few purchases, group: users_0-4, metrics: [hr@10, ndcg@10]}
  - {name: another shop, missing: its data are not public, metrics: [hr@10]}
rows:
  - name: NMTR-GMF
    model: nmtr_gmf
    space: {optimizer.lr: {log: [0.01, 0.2]}, model.loss_weights: [[1, 1, 1], [4, 2, 1]]}
    paper: [0.1, 0.05, ~, ~, 0.2]
  # A batch of 512 has no room for a positive with 600 negatives, which only the run itself can tell.
  - {name: BPR, model: bpr, space: {optimizer.lr: [0.02, 0.1], train.negatives: [4, 600]}}
  - {name: fixed, model: bpr, set: {optimizer.lr: 0.1}, epochs: 3}
  - {name: popularity, model: popularity}
  - {name: not yet, model: unheard_of}
figure: {x: columns}
quick: {search: {trials: 1, halving: 0, epochs: 2}, seeds: [1]}
YAML
reproduce() { # status, folder, options
    local want=$1 folder=$2
    shift 2
    limit=120 penstock "$want" reproduce small.yaml --out "$folder" --workers 2 "$@"
}

reproduce 0 straight
cp out.txt straight.txt
expect out.txt '^NMTR-GMF +paper +0.1 +0.05'
expect out.txt '^ +ours +0\.[0-9]{4} ±0\.[0-9]{4} '
expect out.txt '^n/a in another shop: its data are not public\.$'
expect out.txt '^BPR, all: 2 of 4 trials failed\.$'
expect out.txt "^n/a in row not yet, all: this program has no model 'unheard_of'\.\$"
expect err.txt '^BPR, all: trial [1-4] \(.*train.negatives=600\) failed: .*train.batch is 512, but must be at least 601'
expect err.txt 'are in straight/small, the runs in straight/runs$'
diff straight.txt straight/small/table.txt || fail 'what is printed is not what is kept'
# Four trials, two of them for longer, one to the end; two and one where two fail.
[ "$(wc -l < straight/small/search.tsv)" = $((1 + 4 + 2 + 1 + 4 + 2 + 1)) ] || fail 'the log of the search has other lines'
expect straight/small/search.tsv $'^NMTR-GMF\tall\t[1-4]\toptimizer.lr=0.[0-9]* model.loss_weights=\\[.*\\]\t8\t[2468]\t0\\.[0-9]{6}\t'
expect straight/small/table.tsv $'^popularity\tall\thr@10\t\t0\\.[0-9]{8}\t0.00000000\t1\t'
expect straight/small/table.md '^\| NMTR-GMF \| paper \| 0.1 \| 0.05 \|'
for metric in hr ndcg; do
    python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "straight/small/figure-$metric@10.svg" || fail "figure-$metric@10.svg is no XML"
done
# Runs to tune on rank no test, and final ones no validation.
expect straight/small/table.tsv $'^fixed\tall\thr@10\t\t0\\.[0-9]{8}\t0\\.[0-9]{8}\t2\t3\t\t0\t0\t$' # seeds, but no search
best=$(awk -F'\t' '$1 == "NMTR-GMF" && $5 == 8 { print $9 }' straight/small/search.tsv)
refuse "straight/runs/$best/metrics.json" '"split":"test"'
expect "straight/runs/$best/metrics.json" '"split":"valid"'

# Nothing is run again but what failed, and the table is the same.
find straight/runs -name metrics.json -exec stat -c '%n %Y %i' {} + | sort > before
reproduce 0 straight
diff straight.txt out.txt || fail 'the table of the same runs is another one'
find straight/runs -name metrics.json -exec stat -c '%n %Y %i' {} + | sort > after
diff before after || fail 'a complete run was run again'
refuse err.txt 'trained on all'

# Killed at several moments, then interrupted, then gone on with: the same table.
begun() { # folder, runs: so many have begun
    [ "$(find "$1/runs" -maxdepth 2 -name log.jsonl | wc -l)" -ge "$2" ]
}
for runs in 1 4; do
    "$PENSTOCK" reproduce small.yaml --out parts --workers 2 > /dev/null 2>&1 &
    wait_until 60 "run $runs of the table" begun parts $runs
    kill -KILL $!
    wait $! || true
done
for runs in 6; do
    "$PENSTOCK" reproduce small.yaml --out parts --workers 2 > /dev/null 2> stopped.txt &
    wait_until 60 "run $runs of the table" begun parts $runs
    kill -TERM $!
    status=0
    wait $! || status=$?
    [ $status = 7 ] || fail "an interrupted table ended with $status instead of 7"
    expect stopped.txt 'interrupted; the same command goes on'
done
reproduce 0 parts --jobs 2
diff straight.txt out.txt || fail 'the table in parts is another one'
cut -f 1-7 straight/small/search.tsv > one
cut -f 1-7 parts/small/search.tsv > other
diff one other || fail 'the search in parts is another one'

# Two at once in a folder would disturb each other.
exec {held}< straight/lock
flock "$held"
reproduce 8 straight
expect err.txt 'another process works in straight; wait for its end'
exec {held}<&-

reproduce 0 straight --quick --format tsv
expect out.txt $'^NMTR-GMF\tall\thr@10\t0.1\t0\\.'
[ -f straight/small-quick/table.md ] || fail 'the quick form has no folder of its own'

# A table without anything to show says so, and errors name the line.
sed 's/train.negatives: \[4, 600\]/train.negatives: [600]/' small.yaml > broken.yaml
limit=120 penstock 1 reproduce broken.yaml --out straight
expect out.txt '^n/a in row BPR, all: every trial failed: .*train.batch is 512'
sed 's/log: \[0.01/lug: [0.01/' small.yaml > wrong.yaml
penstock 2 reproduce wrong.yaml
expect_one_line err.txt
expect err.txt 'wrong.yaml:19: optimizer.lr is searched'
sed 's|log.tsv|$PENSTOCK_DATA/nowhere.tsv|' small.yaml > missing.yaml
penstock 3 reproduce missing.yaml --out straight
expect err.txt "the dataset 'shop' of missing.yaml cannot be prepared: .*nowhere.tsv"
unset PENSTOCK_DATA
penstock 3 reproduce missing.yaml --out straight
expect err.txt 'missing.yaml:9: the table needs real data: set PENSTOCK_DATA'
