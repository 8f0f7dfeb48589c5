#!/bin/bash
# Side features: prepared from tables and triples, trained with every model, the same to the last bit however many servers and workers, ranked
# and exported alike; and items that nobody has touched are found by them.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
penstock 0 synth --out log.tsv --users 600 --items 400 --interactions 30000 --tastes 10 --item-features items.tsv --user-features users.tsv
awk -F'\t' '{ print (NR == 1 ? "head,relation,tail" : $1 ",maker,m" substr($2, 2) % 7) }' items.tsv | gzip > triples.csv.gz
features=(--item-features items.tsv --user-features users.tsv --item-triples triples.csv.gz --feature price=float:5)
penstock 0 prepare --out data --behaviours view,cart,buy "${features[@]}" log.tsv
expect out.txt '^values of item feature maker +7  \(100.0 % of the items have some, 400 pairs\)'
penstock 0 inspect data --verify
expect out.txt '^ +7 values of the item feature price, in 400 pairs' # five ranges, zero and absent
expect out.txt 'every byte is as it was written'
configure model.features=all model.l2=0.001 train.consistency=sync eval.floors=false
expect run.yaml '^  features: \[all\]'

# Every model, on one worker and on several, ranks what it has trained.
penstock 0 models
models=$(awk '$2 == "interactions" && $1 !~ /^(popularity|carted_first|own_history|wmf_als)$/ { print $1 }' out.txt) # sessions: below
[ "$(wc -w <<< "$models")" -ge 16 ] || fail "only these models: $models"
for model in $models; do
    same_for_any_number "$model"
done
for transport in ipc tcp; do
    mpi 6 train run.yaml --run "$transport" --set model.name=mfpr --set cluster.servers=2 --set cluster.transport=$transport --quiet
    run 0 60 "${mpi[@]}"
    digest mfpr
    same_digest "$transport" "$digest"
done
for model in nmtr_neumf mfpr; do
    penstock 0 train run.yaml --run "$model-whole" --set "model.name=$model" --set model.feature_pooling=mean
    mv out.txt trained.txt
    ranks_alike "$model-whole" "$model"
    penstock 0 recommend "$model-whole" --topk 3 --out lists.tsv
    [ "$(wc -l < lists.tsv)" -gt 1000 ] || fail "$model recommends little"
done

# What is exported as composed is what is ranked by: bpr's scores are its dot products.
penstock 0 recommend bpr --topk 1 --user u001 --out lists.tsv
penstock 0 export bpr
expect out.txt '^bpr/export/item.maker.embedding.npy$'
expect out.txt '^bpr/export/user.age.tsv$'
[ "$(wc -l < bpr/export/item.maker.tsv)" = 8 ] || fail 'not every maker is named'
cat > check.py << 'PYTHON'
import struct, sys
def npy(name):
    data = open('bpr/export/' + name, 'rb').read()
    rows, cols = eval(data[10:128])['shape']
    return [struct.unpack_from('<%df' % cols, data, 128 + 4 * cols * r) for r in range(rows)]
def names(name):
    return {line.rstrip('\n').split('\t')[1]: int(line.split('\t')[0]) for line in list(open('bpr/export/' + name, newline='\n'))[1:]}
user, rank, item, score = list(open('lists.tsv'))[1].split()
p, q = npy('user.embedding.composed.npy')[names('users.tsv')[user]], npy('item.embedding.composed.npy')[names('items.tsv')[item]]
dot = sum(a * b for a, b in zip(p, q))
assert abs(dot - float(score)) < 1e-4 * (1 + abs(dot)), (dot, score)
own = npy('item.embedding.npy')[names('items.tsv')[item]]
row = next(line.rstrip('\n').split('\t') for line in open('items.tsv') if line.startswith(item + '\t'))
assert any(abs(a - b) > 1e-6 for a, b in zip(own, q)), 'the features add nothing'
PYTHON
run 0 30 python3 check.py

# Tomorrow's preparation keeps the ids of values.
penstock 0 prepare --out tomorrow --dictionary data --behaviours view,cart,buy "${features[@]}" log.tsv
expect out.txt 'values of item feature brand .*, 0 new\)'
cmp data/item.brand.value tomorrow/item.brand.value || fail 'values have other ids'

# A tenth of the items is only in the test: without features they are ranked by nothing.
awk -F'\t' 'NR == 1 || (substr($2, 2) % 10 == 3 && $3 == "buy")' log.tsv > cold.tsv
awk -F'\t' 'NR == 1 || substr($2, 2) % 10 != 3' log.tsv > warm.tsv
penstock 0 prepare --out data --overwrite --behaviours view,cart,buy --test cold.tsv "${features[@]}" warm.tsv
cold() {
    configure model.name=nmtr_gmf "model.features=$1" train.epochs=10 train.batch=1024 eval.floors=false
    penstock 0 train run.yaml --run "cold-$1" --quiet
    sed -n 's/^  nmtr_gmf .* \([0-9.]*\)\/[0-9.]* *[0-9.]*\/[0-9.]* *[0-9.]*\/[0-9.]* *[0-9.]*\/[0-9.]*$/\1/p' out.txt | head -1 # HR@50
}
without=$(cold '[]' | tail -1)
with=$(cold all | tail -1)
echo "HR@50 of cold items: $without without features, $with with them"
awk "BEGIN { exit !($with > 0.4 && $with > 5 * $without) }" || fail "HR@50 of cold items is $without without features and $with with them"

# Items of sessions have features too, here out of triples that tell their taste.
penstock 0 synth --sessions --out sessions.tsv --triples knowledge.tsv --users 400 --items 300 --interactions 15000
penstock 0 prepare --sessions --last-item --out sessions --item-triples knowledge.tsv sessions.tsv
configure data.path=sessions model.name=srgnn eval.floors=false
for features in '[]' all; do
    penstock 0 train run.yaml --run "sessions-$features" --set "model.features=$features"
    mv out.txt trained.txt
    ranks_alike "sessions-$features" srgnn
    mv trained.txt "trained-$features.txt"
done
hr() { sed -n 's/^  srgnn *\([0-9.]*\).*/\1/p' "trained-$1.txt" | head -1; }
awk "BEGIN { exit !($(hr all) > 1.2 * $(hr '[]')) }" || fail "HR@10 in sessions is $(hr '[]') without features and $(hr all) with them"

configure model.features=all eval.floors=false
penstock 2 train run.yaml --run refused --set model.name=wmf_als
expect err.txt 'model.features is set, but wmf_als solves the rows of users and items by themselves; use wmf'
penstock 2 train run.yaml --run refused --set 'model.features=[brand, colour]'
expect err.txt "model.features names 'colour', but the dataset .*data has only age,segment,brand,maker,price,tags"
printf 'x' | dd of=data/item.brand.value bs=1 seek=9 conv=notrunc 2> dd.txt
penstock 3 inspect data
expect err.txt 'item.brand.value is damaged'
