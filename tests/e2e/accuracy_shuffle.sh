#!/bin/bash
# The streaming shuffle is good enough: on Beibei, NMTR-GMF trained through windows of 100 micro-batches reaches the
# validation NDCG of a global permutation, within the spread over seeds (docs/data.md).
# time limit: 300
. "$(dirname "$0")/helpers.sh"
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

# The means over three seeds differ by less than four standard errors of their difference, or a hundredth.
cat values.tsv
awk -F '\t' '
    { n[$1]++; sum[$1] += $2; square[$1] += $2 * $2 }
    END {
        for (window in n) {
            mean[window] = sum[window] / n[window]
            variance[window] = (square[window] - n[window] * mean[window] ^ 2) / (n[window] - 1)
            total += variance[window] > 0 ? variance[window] / n[window] : 0
        }
        allowed = 4 * sqrt(total) > mean[0] / 100 ? 4 * sqrt(total) : mean[0] / 100
        difference = mean[0] > mean[34100] ? mean[0] - mean[34100] : mean[34100] - mean[0]
        text = "ndcg@100: %.4f by a global permutation, %.4f through windows, allowed difference %.4f\n"
        printf text, mean[0], mean[34100], allowed
        exit !(difference <= allowed)
    }' values.tsv || fail 'the shuffle window changes the accuracy'
awk -F '\t' '$2 < 0.02 { exit 1 }' values.tsv || fail 'NMTR-GMF learned nothing'
