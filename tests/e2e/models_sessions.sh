#!/bin/bash
# Every model of sessions goes the whole way: trained with `sync` it ends with the same checkpoint whatever the number of servers and
# workers, workers and commands rank alike; the rules rank, and reports have the floors.
# time limit: 400
. "$(dirname "$0")/helpers.sh"
penstock 0 synth --sessions --users 300 --items 200 --interactions 5000 --triples kg.tsv --out log.tsv
penstock 0 prepare --sessions --test-from 0.9 --item-triples kg.tsv --out data log.tsv
configure train.consistency=sync train.batch=32 eval.floors=false eval.bootstrap=0 model.dropout=0.1

penstock 0 models
models=$(awk '$2 == "sessions" && !/\(a rule/ { print $1 }' out.txt)
rules=$(awk '$2 == "sessions" && /\(a rule/ { print $1 }' out.txt)
[ "$(wc -w <<< "$models")" -ge 12 ] || fail "only these models: $models"
[ "$(wc -w <<< "$rules")" -ge 6 ] || fail "only these rules: $rules"
for model in $models; do
    same_for_any_number "$model"
    ranks_alike "$model-many" "$model"
done
# Epochs of Word2Vec's embeddings before RIB's own: tensors, which have no part in them, stay as they began.
for epochs in 1 2; do
    for shape in '1 1' '2 3'; do
        read -r servers workers <<< "$shape"
        penstock 0 train run.yaml --run "words-$epochs-$servers" --set model.name=rib --set model.skip_gram_epochs=2 --set "train.epochs=$epochs" --set train.clip=0.01 \
            --set optimizer.weight_decay=0.1 --servers "$servers" --workers "$workers"
    done
    digest "words-$epochs-1"
    same_digest "words-$epochs-2" "$digest"
    penstock 0 export "words-$epochs-1" --checkpoint last
done
cmp words-1-1/export/gru_w.npy words-2-1/export/gru_w.npy || fail 'an epoch of rows alone has moved a tensor'
cmp -s words-1-1/export/item.embedding.npy words-2-1/export/item.embedding.npy && fail 'an epoch of rows alone has moved no row'
for rule in $rules popularity; do # nothing is learned, but all is ranked
    penstock 0 train run.yaml --run "$rule" --set "model.name=$rule" --servers 1 --workers 2
    mv out.txt trained.txt
    ranks_alike "$rule" "$rule"
done

penstock 0 train run.yaml --run floors --set model.name=srgnn --set train.epochs=1 --set eval.floors=true
for floor in popularity session_recent markov; do expect out.txt "^  $floor "; done
refuse out.txt '^  carted_first '

penstock 0 prepare --sessions --test-from 0.9 --out plain log.tsv
penstock 2 train run.yaml --run refused --set model.name=session_knowledge --set data.path=plain
expect err.txt 'has no features of items; prepare it with --item-features or --item-triples$'
rm -r data
make_data
penstock 2 train run.yaml --run refused --set model.name=markov
expect err.txt 'model markov learns from sessions, but the dataset .*data has interactions; prepare it with --sessions$'
