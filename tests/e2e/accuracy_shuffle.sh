#!/bin/bash
# The streaming shuffle is good enough: on Beibei, NMTR-GMF trained through windows of 100 micro-batches reaches the
# validation NDCG of a global permutation, within the spread over seeds (docs/data.md).
# time limit: 300
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/accuracy_helpers.sh"
need_data beibei-cart-buy
limit=100

penstock 0 prepare --out data --behaviours cart,buy --valid random --hide-weaker 0.377 --test none \
    cart="$data/cart.train.tsv.xz" buy="$data/buy.train.tsv.xz"
# 341 positives (and 682 negatives) a micro-batch: a window of 100 of them is a twenty-sixth of the interactions.
: > values.tsv
for window in 0 34100; do
    for seed in 1 2 3; do
        cat > run.yaml << YAML
data:
  path: data
  shuffle_window: $window
model:
  name: nmtr_gmf
  embedding: 16
  loss_weights: [20, 1]
train:
  epochs: 4
  batch: 1023
  negatives: 2
  seed: $seed
optimizer:
  lr: 0.1
early_stop:
  metric: ndcg@100
  every: 4
eval:
  floors: false
YAML
        penstock 0 train run.yaml --run "run$window-$seed" --workers 1 --quiet
        ndcg=$(sed -n 's/.*"metric":"ndcg@100","best":\([0-9.]*\).*/\1/p' "run$window-$seed/metrics.json")
        printf '%s\t%s\n' $window "$ndcg" >> values.tsv
    done
done

cat values.tsv
same_means values.tsv 0 34100 ndcg@100 || fail 'the shuffle window changes the accuracy'
awk -F '\t' '$2 < 0.02 { exit 1 }' values.tsv || fail 'NMTR-GMF learned nothing'
