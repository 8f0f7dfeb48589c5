#!/bin/bash
# A run that begins with what last night's has learned: ids that were there keep their rows, new users and items have initial values; the optimiser's
# state begins anew or is taken over; runs that do not fit are refused. And an old model on newer data: a new user has the popular items, a new item
# is in no list and ranks last.
. "$(dirname "$0")/helpers.sh"
make_data
mv data monday
# Tuesday has a few more users and items; they are new, and the newest of all have bought enough to be held out.
penstock 0 synth --out more.tsv --users 30 --items 40 --interactions 1500 --seed 5
sed '1d; s/^u/v/; s/\ti/\tj/' more.tsv > renamed.tsv
awk 'NR % 3 == 0' log.tsv | sed 1d | cut -f 2- | paste <(sed 's/^\(v[0-9]*\).*/\1/' renamed.tsv | head -n 800) <(head -n 800) | awk 'NF == 4' > mixed.tsv
cat log.tsv renamed.tsv mixed.tsv > tuesday.tsv
penstock 0 prepare --out data --dictionary monday --behaviours view,cart,buy tuesday.tsv
expect out.txt '^users .*\(30 new\)'
expect out.txt '^items .*\(40 new\)'
configure optimizer.name=adagrad
penstock 0 train run.yaml --run old --set data.path=monday --set model.name=gmf --quiet
penstock 0 export old

# Sums of squares that begin so high that nothing changes leave what the run began with, where the state has begun anew.
still=(--set model.name=gmf --set optimizer.initial_accumulator=1e38 --set train.epochs=1 --servers 2 --quiet)
penstock 0 train run.yaml --run warm --set train.warm_start=old "${still[@]}"
penstock 0 train run.yaml --run cold "${still[@]}"
penstock 0 export warm
penstock 0 export cold
cat > check.py << 'P'
import struct
def load(path):
    data = open(path, "rb").read()
    return data[10 + struct.unpack("<H", data[8:10])[0]:]
for table in ("user.embedding", "item.embedding"):
    old, warm, cold = (load(f"{run}/export/{table}.npy") for run in ("old", "warm", "cold"))
    assert 0 < len(old) < len(warm) == len(cold)
    assert warm[:len(old)] == old != cold[:len(old)]
    assert warm[len(old):] == cold[len(old):]
assert load("warm/export/gmf_h.npy") == load("old/export/gmf_h.npy")
for entity in ("users", "items"):
    old, warm = (open(f"{run}/export/{entity}.tsv").read() for run in ("old", "warm"))
    assert warm.startswith(old)
P
if command -v python3 > /dev/null; then run 0 10 python3 check.py; fi

# Adagrad's sums make the difference between the two ways; by each the run is one like any other, on any number of servers and with a resume.
for state in reset keep; do
    both=(--set model.name=gmf --set train.warm_start=old --set train.warm_state=$state --set train.consistency=sync --quiet)
    penstock 0 train run.yaml --run whole-$state "${both[@]}"
    digest whole-$state
    want=$digest
    penstock 0 train run.yaml --run parts-$state "${both[@]}" --set train.epochs=1 --servers 3
    penstock 0 train --resume parts-$state --set train.epochs=2 --quiet
    same_digest parts-$state "$want"
done
digest whole-reset
[ "$digest" != "$want" ] || fail 'the optimiser began anew and did not, with the same result'

penstock 2 train run.yaml --run no --set train.warm_start=old --set model.name=nmtr_gmf
expect err.txt "the model's options or the dataset differ|it is another model's"
penstock 2 train run.yaml --run no --set train.warm_start=old --set model.name=gmf --set train.warm_state=keep --set optimizer.name=adam
expect err.txt 'train.warm_state: keep needs the optimiser of old'
penstock 2 train run.yaml --run no --set train.warm_start=old --set model.name=neumf --set model.pretrained_gmf=old
expect err.txt 'both say what training begins with'
penstock 0 prepare --out strange --behaviours view,cart,buy tuesday.tsv
penstock 2 train run.yaml --run no --set train.warm_start=old --set model.name=gmf --set data.path=strange
expect err.txt "has another id in .*strange than in .*monday; prepare the new one with --dictionary"
penstock 0 prepare --out monday --overwrite --id-seed 7 --behaviours view,cart,buy log.tsv
penstock 2 train run.yaml --run no --set train.warm_start=old --set model.name=gmf
expect err.txt 'old was trained on another preparation than .*monday now holds'

# The old model on the new data.
penstock 0 evaluate old --data data --json result.json
expect out.txt '^users from number 400 on are new to the model: they have the popular items$'
expect out.txt '^items from number 250 on are new to the model: they rank last$'
expect result.json '"known_users":400,"known_items":250'
penstock 0 recommend old --set data.path=data --topk 5 --mask none --out - --user v01 --user v02
sed '1d; s/\t[^\t]*$//' out.txt > fallback.txt
[ "$(cut -f 2,3 fallback.txt | sort -u | wc -l)" = 5 ] || fail 'two new users have different items'
penstock 0 train run.yaml --run rule --set model.name=popularity --quiet
penstock 0 recommend rule --topk 10 --mask none --out - --user v01
sed '1d' out.txt | awk '$3 ~ /^i/' | head -n 5 | cut -f 3 > popular.txt
head -n 5 fallback.txt | cut -f 3 | cmp - popular.txt || fail 'a new user does not have the popular items'
penstock 0 recommend old --set data.path=data --topk 300 --mask none --out all.tsv
refuse all.tsv $'\tj[0-9]*\t'
[ "$(grep -c $'^v01\t' all.tsv)" = 250 ] || fail 'a list has not all items that the model knows'
