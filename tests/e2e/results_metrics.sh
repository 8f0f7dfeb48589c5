#!/bin/bash
# Users with several targets, coverage, novelty and intervals, as another program works them out of recommended lists
# (interop_results.py); drawn candidates are the same for any ids, any seed of training and any number of workers.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
command -v python3 > /dev/null || skip 'there is no python3'
python() { run 0 60 python3 "$PENSTOCK_ROOT/tests/e2e/interop_results.py" "$@"; }

penstock 0 synth --out all.tsv --users 400 --items 200 --interactions 24000
python held-out all.tsv test.tsv log.tsv 4
penstock 0 prepare --out data --behaviours view,cart,buy --test test.tsv --valid none log.tsv
configure model.name=nmtr_gmf train.consistency=sync train.epochs=3
penstock 0 train run.yaml --run run --workers 1
python json run/metrics.json

# All items in order; the other targets of a user are taken out of them, or stay.
penstock 0 recommend run --mask target --topk 200 --out lists.tsv
for mean in targets users; do penstock 0 evaluate run --mean $mean --mask target --lists --topk 1,10,50 --json $mean.json; done
python several test.tsv log.tsv lists.tsv nmtr_gmf targets.json users.json
for workers in 1 3; do
    penstock 0 evaluate run --mean users --mask any --lists --users 150 --workers $workers --json lists-$workers.json \
        --ranks lists-$workers.ranks
    penstock 0 evaluate run --sampled 30 --topk 1,10,31 --workers $workers --json sampled-$workers.json
done
cmp lists-1.json lists-3.json || fail 'coverage, novelty or intervals depend on the number of workers'
cmp lists-1.ranks lists-3.ranks || fail 'the ranks that are kept depend on the number of workers'
expect lists-1.json '"protocol":.*"mean":"users".*"coverage@10":0\.'
cmp sampled-1.json sampled-3.json || fail 'ranks among drawn candidates depend on the number of workers'
python sampled sampled-1.json nmtr_gmf 30
penstock 2 evaluate run --lists --topk 10,2000
expect err.txt 'eval.lists needs eval.k up to 1000'

# Training validates by the same means: the best value is that of its checkpoint, ties counted against it.
penstock 0 prepare --out valid --behaviours view,cart,buy --valid test.tsv --test none log.tsv
for mean in targets users; do
    penstock 0 train run.yaml --run valid-$mean --workers 1 --set data.path=valid --set eval.mean=$mean
    penstock 0 evaluate valid-$mean --split valid --ties conservative --topk 10 --json valid.json
    best=$(grep -o '"best":0[.0-9]*' valid-$mean/metrics.json | cut -d : -f 2)
    expect valid.json "\"models\":{\"nmtr_gmf\":{\"all\":.[^}]*\"ndcg@10\":$best,"
done
cmp -s valid-targets/metrics.json valid-users/metrics.json && fail 'eval.mean has no effect on validation'

# Other ids, and another seed of training: the rules are ranked among the same candidates. Another eval.seed draws others.
rules() { # RUN, file for what the rules came to, evaluate's options
    penstock 0 evaluate "$1" --sampled 30 --bootstrap 0 --json rules.json "${@:3}"
    grep -o '"popularity":.*' rules.json > "$2"
}
penstock 0 prepare --out other --id-seed 9 --behaviours view,cart,buy --test test.tsv --valid none log.tsv
penstock 0 train run.yaml --run other-ids --workers 1 --set data.path=other --set train.seed=77
rules run want.txt
rules other-ids have.txt
cmp want.txt have.txt || fail 'drawn candidates depend on ids or on train.seed'
rules run have.txt --set eval.seed=7
cmp -s want.txt have.txt && fail 'eval.seed has no effect'
exit 0
