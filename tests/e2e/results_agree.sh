#!/bin/bash
# evaluate, recommend and export agree with each other, as seen by another program (interop_results.py).
# time limit: 200
. "$(dirname "$0")/helpers.sh"
command -v python3 > /dev/null || skip 'there is no python3'
python() { run 0 60 python3 "$PENSTOCK_ROOT/tests/e2e/interop_results.py" "$@"; }

penstock 0 synth --out all.tsv --users 500 --items 200 --interactions 16000
python held-out all.tsv test.tsv log.tsv
penstock 0 prepare --out data --behaviours view,cart,buy --test test.tsv --valid none log.tsv
configure model.name=nmtr_gmf train.consistency=sync train.epochs=3
penstock 0 train run.yaml --run run --workers 1
python json run/log.jsonl run/metrics.json

# The same protocol in both commands gives the same metrics, whatever the mask.
for mask in target none; do
    penstock 0 evaluate run --mask $mask --topk 1,10,50 --json $mask.json
    penstock 0 recommend run --mask $mask --topk 50 --out $mask.tsv
    python agree test.tsv $mask.tsv $mask.json nmtr_gmf
    expect $mask.json "\"mask\":\"$mask\""
done
cmp -s target.json none.json && fail 'the mask has no effect'
penstock 0 recommend run --mask target --topk 10 --out ten.tsv
python lists log.tsv ten.tsv 10
run 0 5 awk -F'\t' 'NR == 1 || $2 <= 10' target.tsv
cmp out.txt ten.tsv || fail 'the first 10 of a list of 50 are not the list of 10'

for ties in standard expected conservative; do
    penstock 0 evaluate run --ties $ties --json $ties.json
done
python ties standard.json expected.json conservative.json

# Some users only, and one that does not exist; a sample of the targets is always the same one.
penstock 0 recommend run --user u007 --user u003 --topk 5 --mask target --out -
[ "$(cut -f 1 out.txt | uniq | tr '\n' ' ')" = 'user u007 u003 ' ] || fail 'not the users that were asked for'
penstock 3 recommend run --users missing.txt --out nobody.tsv
expect_one_line err.txt
[ ! -e nobody.tsv ] && [ ! -e nobody.tsv.tmp ] || fail 'a refused recommend left a file'
for workers in 1 3; do penstock 0 evaluate run --users 100 --workers $workers --json sample-$workers.json; done
cmp sample-1.json sample-3.json || fail 'a sample, or its order, depends on the number of workers'
expect sample-1.json '"targets":100,"sampled_of":'

penstock 0 export run --out export
python npy export log.tsv 16
