#!/bin/bash
# A night that is killed at any call by which it changes a file: production is a whole version at every moment, and the next start comes to the same
# as an undisturbed night, bit for bit. All calls by which versions and links are made, and a sample of all others.
# time limit: 900
. "$(dirname "$0")/helpers.sh"
gcc -O1 -o kill_at_call "$PENSTOCK_ROOT/tests/e2e/kill_at_call.c"
./kill_at_call 0 /none true || skip 'no process can be traced here: ptrace is refused'
penstock 0 synth --out log.tsv --users 60 --items 40 --interactions 4000 --tastes 4
sed 1d log.tsv > body
head -n 1 log.tsv > head
split -n l/2 -d body day-
cat > train.yaml << 'YAML'
model: {name: gmf, embedding: 4}
train: {epochs: 2, batch: 512, lanes: 2, consistency: sync}
eval: {bootstrap: 0}
YAML
cat > nightly.yaml << 'YAML'
nightly: {folder: shop, train: train.yaml}
logs: {behaviours: "view,cart,buy"}
launch: {workers: 1}
gate: {above: none, allowed_drop: 1}
YAML
mkdir -p shop/inbox
cat head day-00 > shop/inbox/one.tsv
penstock 0 nightly nightly.yaml
first=$(basename "$(readlink shop/production)")
cat head day-01 > shop/inbox/two.tsv
mv shop before
production() { basename "$(readlink shop/production)"; }
outcome() { # what a night has come to: its state, the ids and the checks
    digest shop/production
    grep -v '^version:\|^{"night"' shop/production/dataset/dataset.yaml | cksum
    cmp shop/production/export/users.tsv shop/versions/"$first"/export/users.tsv || true
    ls shop shop/versions shop/taken shop/nights/* | sed '/\.log$/d'
    echo "$digest"
}
again() { # a start after the knife: production is whole before it and after it
    penstock 0 publish nightly.yaml --verify
    local status=0
    timeout 60 "$PENSTOCK" nightly nightly.yaml > out.txt 2> err.txt || status=$?
    # 10: the knife came after the last of the night.
    [ $status = 0 ] || [ $status = 10 ] || { cat err.txt; fail "the night that was killed at call $1 ended with $status"; }
    penstock 0 publish nightly.yaml --verify
    [ "$(production)" != "$first" ] || fail "the night that was killed at call $1 was not published"
    outcome > came.txt
    diff want.txt came.txt || fail "the night that was killed at call $1 came to something else"
}
cp -r before shop
penstock 0 nightly nightly.yaml
second=$(production)
outcome > want.txt

# The list of all calls, then the chosen ones. Threads and the clock change their number a little from run to run.
rm -rf shop && cp -r before shop
timeout 120 ./kill_at_call 0 /shop "$PENSTOCK" nightly nightly.yaml > calls.txt 2> err.txt || fail 'an undisturbed night fails under the tracer'
total=$(grep -cE '^[0-9]+ [a-z0-9]+ /' calls.txt)
grep -E '^[0-9]+ (rename[a-z0-9]*|symlink[a-z]*) .*(/versions/|/production|/names|/summary.json|/inbox/|/taken/)' calls.txt | cut -d ' ' -f 1 > chosen.txt
seq 1 $((total / 12 + 1)) "$total" >> chosen.txt
sort -nu chosen.txt > numbers.txt
killed=0
for n in $(cat numbers.txt); do
    rm -rf shop && cp -r before shop
    status=0
    timeout 120 ./kill_at_call "$n" /shop "$PENSTOCK" nightly nightly.yaml > listed.txt 2> err.txt || status=$?
    [ $status = 99 ] || [ $status = 0 ] || { cat err.txt; fail "killed at call $n the night ended with $status"; }
    killed=$((killed + (status == 99)))
    again "$n"
done
echo "killed at $killed of $total calls"
[ $killed -ge 20 ] || fail "only $killed calls: they are not all seen"
