#!/bin/bash
# penstock compare: two runs side by side, from the ranks that they kept; what was measured differently is refused.
# time limit: 200
. "$(dirname "$0")/helpers.sh"
command -v python3 > /dev/null || skip 'there is no python3'
python() { run 0 60 python3 "$PENSTOCK_ROOT/tests/e2e/interop_results.py" "$@"; }

make_data
configure model.name=nmtr_gmf train.consistency=sync eval.k=10,50
penstock 0 train run.yaml --run a --workers 1
penstock 0 train run.yaml --run b --workers 1 --set train.epochs=12 --set train.seed=3
mv a/checkpoints kept # nothing is ranked again
penstock 0 compare a b --metric hr,ndcg,auc --format json
cp out.txt ab.json
python compared ab.json a b nmtr_gmf
penstock 0 compare a b --metric hr,ndcg,auc --format json
cmp out.txt ab.json || fail 'the same comparison twice is not the same'
penstock 0 compare b a --metric ndcg@50 --format tsv
[ "$(wc -l < out.txt)" = 2 ] || fail 'one metric of two results is not one line of TSV'
expect out.txt '^b:nmtr_gmf	a:nmtr_gmf	ndcg@50	0\.'
penstock 0 compare a b --metric auc --format markdown --group users_0-4 --ties conservative
expect out.txt '^\| auc +\| 0\.[0-9]{4} \[0\.'
expect out.txt '^users_0-4: [0-9]+ users; 95 % intervals of 1000 resamples of users; p of 10000 draws of signs$'

# A run beside its floors; one floor with itself, of two runs: no difference at all.
penstock 0 compare b
expect out.txt '^ +b:nmtr_gmf +b:popularity +difference'
expect out.txt '^ +b:nmtr_gmf +b:carted_first +difference'
penstock 0 compare a:popularity b:popularity --topk 7
expect out.txt '^hr@7 .* \+0\.0000 \[\+0\.0000, \+0\.0000\]  1 +0/[0-9]+/0$'
refuse out.txt '@10'
penstock 0 compare b --split valid --metric mrr@10
expect out.txt '^valid: '
# Ranked again otherwise, into files of its own.
mv kept a/checkpoints
for run in a b; do penstock 0 evaluate $run --mask any --mean users --users 200 --ranks $run.ranks; done
penstock 0 compare a.ranks b.ranks --metric recall,map,precision
expect out.txt '^test: 200 targets .a fixed sample of [0-9]+., ranked among all items but the user.s training items under any behaviour'
expect out.txt '^map@50 '

# Refused, in one sentence that names what differs.
penstock 3 compare a b.ranks
expect_one_line err.txt
expect err.txt 'cannot be compared: they differ in eval.mean \(targets and users\), eval.mask \(target and any\), eval.users \(0 and 200\)'
penstock 0 prepare --out data2 --behaviours view,cart,buy --keep-targets 2 log.tsv
penstock 0 train run.yaml --run c --workers 1 --set data.path=data2
penstock 3 compare a c
expect err.txt 'they differ in the dataset \([0-9a-f]{16} and [0-9a-f]{16}\)'
penstock 0 evaluate b --topk 10 --ties standard --ranks k.ranks
penstock 3 compare a k.ranks
expect err.txt 'a and k.ranks differ in eval.k \(.10, 50. and .10.\); choose with --topk'
penstock 3 compare a k.ranks --topk 10
expect err.txt 'differ in eval.ties \(expected and standard\); choose with --ties'
penstock 0 compare a k.ranks --topk 10 --ties expected
penstock 3 compare a:nothing b
expect err.txt "a has no ranks of 'nothing'; its own model is nmtr_gmf"
penstock 3 compare data
expect_one_line err.txt
penstock 2 compare a b --metric hr@11
expect err.txt "'hr@11' is none of hr, ndcg, mrr, recall, precision, map, auc, with or without a @K of eval.k"
penstock 2 compare a b --group everybody
expect err.txt '^penstock: --group is one of all, seen, unseen, users_0-4, users_5-8, .*users_20\+, not .everybody.$'
printf x | dd of=b/ranks/test.ranks bs=1 seek=300 conv=notrunc status=none
penstock 3 compare a b
expect err.txt 'b/ranks/test.ranks is damaged'
