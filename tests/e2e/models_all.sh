#!/bin/bash
# Every model of the registry goes the whole way: trained with `sync` it ends with the same checkpoint whatever the number of
# servers and workers, workers and commands rank alike, and it makes lists. A sampling that does not fit a model is refused.
# time limit: 240
. "$(dirname "$0")/helpers.sh"
make_data
configure train.consistency=sync eval.floors=false

penstock 0 models
models=$(awk '$2 == "interactions" && $1 !~ /^(popularity|carted_first|own_history)$/ { print $1 }' out.txt)
[ "$(wc -w <<< "$models")" -ge 16 ] || fail "only these models: $models"
for model in $models; do
    same_for_any_number "$model"
    ranks_alike "$model-many" "$model"
    penstock 0 recommend "$model-many" --topk 3 --out lists.tsv
    [ "$(wc -l < lists.tsv)" -gt 1000 ] || fail "$model recommends little"
done
for rule in popularity carted_first own_history; do # nothing is learned, but all is ranked
    penstock 0 train run.yaml --run "$rule" --set "model.name=$rule" --servers 1 --workers 1
    expect out.txt "^  $rule "
done

penstock 2 train run.yaml --run refused --set model.name=bpr --set train.sampling=union
expect err.txt 'train.sampling is union, which needs a score for each behaviour'
penstock 2 train run.yaml --run refused --set model.name=bpr --set train.negatives=0
expect err.txt 'train.negatives is 0, but model bpr'
