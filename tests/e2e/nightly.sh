#!/bin/bash
# Nights on made logs: a good one, one with new users and items, one with half of its log missing (the gate refuses), one that is killed and started
# again, one whose model is worse (production stays, the exit code says so), one on a cluster of processes, then a rollback. The ids of the first night
# mean the same at the end. A second start leaves at once with its own code, and so does one with an empty inbox.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
penstock 0 synth --out log.tsv --users 300 --items 120 --interactions 36000 --tastes 8
head -n 1 log.tsv > head
sed 1d log.tsv > body
split -n l/6 -d body day-
cat > train.yaml << 'YAML'
model: {name: gmf, embedding: 16}
train: {epochs: 12, batch: 512, lanes: 4, consistency: sync}
optimizer: {lr: 0.15}
eval: {bootstrap: 0}
YAML
cat > nightly.yaml << 'YAML'
nightly: {folder: shop, train: train.yaml}
logs: {behaviours: "view,cart,buy"}
launch: {workers: 1}
gate: {nights: 3}
keep: {versions: 3, nights: 1}
hook: {command: "cat > hook.json; echo $(grep -o '\"outcome\":\"[a-z ]*\"' hook.json) >> hooks.txt"}
YAML
arrive() { # a log comes under another name first, as a sender should do it
    mkdir -p shop/inbox
    cat head "$1" > "shop/inbox/.$1"
    mv "shop/inbox/.$1" "shop/inbox/$1.tsv"
}
night() { # status, options
    local want=$1
    shift
    penstock "$want" nightly nightly.yaml "$@"
    cp out.txt said.txt
}
production() { readlink shop/production; }
day=$(date -u +%Y-%m-%d)
name() { ls shop/nights | tail -n 1; }
published() { # the last night is production, whole, and can be used
    expect said.txt "^$(name) published: ndcg@10 0\.[0-9]{4}"
    [ "$(production)" = "versions/$(name)" ] || fail "production is $(production)"
    penstock 0 publish nightly.yaml --verify
    expect out.txt "^$(name) is whole$"
    penstock 0 recommend shop/production --topk 3 --out -
    [ "$(wc -l < out.txt)" = $((3 * $(sed 1d shop/production/export/users.tsv | wc -l) + 1)) ] || fail 'production recommends for other users than it has'
    expect hooks.txt '"outcome":"published"'
    rm hooks.txt
}

# Nothing has come; half-sent files are none.
mkdir -p shop/inbox
echo half > shop/inbox/log.tsv.part
echo half > shop/inbox/.log.tsv
night 10
expect err.txt 'nothing new in .*/shop/inbox, so no night was begun'
rm shop/inbox/log.tsv.part shop/inbox/.log.tsv

# A good night.
arrive day-00
night 0
published
first=$(name)
[[ $first == 20*-001 ]] || fail "the first night is called $first"
cp -r shop/production/export first
[ -e first/card.json ] && grep -q '^## How good it is' first/README.md || fail 'production has no model card'
expect shop/nights/"$first"/summary.json '"start":"cold"'

# New users and items. What was there keeps its ids, and training begins with what production has learned.
sed 's/^u1/v1/; s/\ti01/\tj01/' day-01 | head -n 1500 | cat - day-01 > body-01
sort -s -t "$(printf '\t')" -k 4,4n body-01 > day-01
arrive day-01
night 0
published
expect shop/nights/"$(name)"/summary.json "\"start\":\"warm $first\""
expect shop/nights/"$(name)"/summary.json "\"production\":0\.[0-9]*,\"against\":\"$first\""
expect shop/nights/"$(name)"/evaluate.log 'users from number 300 on are new to the model'
# Its report, which is part of what is published, has production and the nights beside it.
for pattern in "production ($first)" 'The nights before' "<th>$first</th>" "<th>$(name)</th>" 'passed</span> against production'; do
    grep -qF -- "$pattern" shop/production/report.html || fail "the report of the second night does not have $pattern"
done
for entity in users items; do
    head -n "$(wc -l < first/$entity.tsv)" shop/production/export/$entity.tsv | cmp - first/$entity.tsv || fail "$entity have other ids than in the first night"
    [ "$(wc -l < first/$entity.tsv)" -lt "$(wc -l < shop/production/export/$entity.tsv)" ] || fail "there are no new $entity"
done
second=$(name)

# Half of the log is missing: refused before anything is trained, and put aside.
head -n 3000 day-02 > half-02
arrive half-02
night 9
expect said.txt "^$(name) log refused: volume of view: [0-9]* events of view are 0\.[45][0-9] of the usual"
expect hooks.txt '"outcome":"log refused"'
[ "$(production)" = "versions/$second" ] || fail 'a refused night has changed production'
[ ! -e shop/nights/"$(name)"/run ] || fail 'a refused log was trained on'
[ -f shop/refused/"$(name)"/half-02.tsv ] || fail 'the refused log is not put aside'
penstock 0 history nightly.yaml --checks
expect out.txt '^ +REFUSED volume of buy'
# The same log once more is no night either, and neither is one that cannot be read.
arrive day-01
night 9
expect said.txt 'log refused: (begins|goes on): the log '
echo 'no log' > day-xx
mkdir -p shop/inbox
cp day-xx shop/inbox/bad.tsv
night 9
expect said.txt 'log refused: readable: .*bad.tsv'

# While one process works there, a second one leaves.
arrive day-02
exec {held}< shop/lock
flock "$held"
night 8
expect err.txt 'another process works in .*/shop; wait for its end'
exec {held}<&-

# The whole log has come after all; killed while it trains, the night is gone on with where it was.
"$PENSTOCK" nightly nightly.yaml > killed.txt 2>&1 &
pid=$!
begun() { [ -e shop/nights/"$(name)"/run/checkpoints/last ]; }
wait_until 60 'the night has a checkpoint' begun
kill -KILL $pid
wait $pid || true
[ "$(production)" = "versions/$second" ] || fail 'a killed night has changed production'
night 0
refuse err.txt "^penstock: $(name): prepare$"
published
third=$(name)

# A worse model: somebody has changed a setting.
sed 's/lr: 0.15/lr: 1e-6/' train.yaml > bad.yaml
sed 's/train.yaml/bad.yaml/' nightly.yaml > worse.yaml
arrive day-03
penstock 9 nightly worse.yaml --cold
expect out.txt "model refused: against production: ndcg@10 is 0\.[0-9]*, production's 0\.[0-9]* on the same split \(-[0-9.]* %\)"
[ "$(production)" = "versions/$third" ] || fail 'a worse model has changed production'
expect hooks.txt '"outcome":"model refused"'

# A step that takes too long is ended, and told as a failure; the next start goes on, by processes. The log of the night before is trained on too.
sed 's/launch: .*/launch: {servers: 2, workers: 1}/' nightly.yaml > groups.yaml
sed 's/train: train.yaml/train: train.yaml, hours: 5.0e-5/' nightly.yaml > hasty.yaml
arrive day-04
rm hooks.txt
penstock 4 nightly hasty.yaml
expect err.txt "night $(name), (examine|prepare|train): .*\(it took longer than 0.18 s\); see "
expect hooks.txt '"outcome":"failed"'
penstock 0 history nightly.yaml
expect out.txt "^  $(name)  failed .* (examine|prepare|train): night"
limit=120 penstock 0 nightly groups.yaml
cp out.txt said.txt
published
fourth=$(name)
events=$(grep -o '"events":[0-9]*' shop/nights/"$fourth"/summary.json | head -n 1 | tr -dc 0-9)
[ "$events" -gt 1000 ] || fail "the last night has $events events of the first behaviour"
lines=$(sed -n 's/^  lines: //p' shop/production/dataset/dataset.yaml)
[ "$lines" = "$(cat day-00 day-01 day-02 day-03 day-04 | wc -l)" ] || fail "the last night was trained on $lines lines"

# A window of days: what is before it is passed over, and logs that are outside of it altogether are gone. Interrupted, the night ends with its own
# code; the next start goes on.
sed 's/"view,cart,buy"}/"view,cart,buy", window_days: 30}/; s/gate: {/gate: {allowed_drop: 1, /' nightly.yaml > window.yaml
arrive day-05
"$PENSTOCK" nightly window.yaml > /dev/null 2> stopped.txt &
pid=$!
wait_until 60 'the night has a checkpoint' begun
kill -TERM $pid
status=0
wait $pid || status=$?
[ $status = 7 ] || { cat stopped.txt; fail "an interrupted night ended with $status instead of 7"; }
[ "$(production)" = "versions/$fourth" ] || fail 'an interrupted night has changed production'
penstock 0 nightly window.yaml
cp out.txt said.txt
published
[ ! -e shop/taken/"$first" ] || fail 'a log is kept that no window will reach'
[ -e shop/taken/"$fourth" ] || fail 'a log within the window is gone'
grep -q '^  early: [1-9]' shop/production/dataset/dataset.yaml || fail 'nothing was before the window'
for entity in users items; do
    head -n "$(wc -l < first/$entity.tsv)" shop/production/export/$entity.tsv | cmp - first/$entity.tsv || fail "$entity have other ids than in the first night"
done
second=$third third=$fourth fourth=$(name)
[ ! -e shop/versions/"$first" ] || fail 'more versions are kept than were asked for'

# History has all of it, and a rollback is one command; what cannot be gone back to is said.
penstock 0 history nightly.yaml
[ "$(grep -c ' published ' out.txt)" = 5 ] || fail 'the history has not five published nights'
[ "$(grep -c ' refused ' out.txt)" = 4 ] || fail 'the history has not four refused nights'
expect out.txt "^\* $fourth  published "
penstock 0 publish nightly.yaml --rollback
expect out.txt "^production is $third$"
[ "$(production)" = "versions/$third" ] || fail 'the rollback has not changed production'
penstock 0 publish nightly.yaml --rollback
[ "$(production)" = "versions/$second" ] || fail 'the second rollback has not changed production'
penstock 2 publish nightly.yaml --rollback
expect err.txt "there is no version before $second"
penstock 0 publish nightly.yaml "$fourth"
for version in "$second" "$third" "$fourth"; do
    for entity in users items; do
        head -n "$(wc -l < first/$entity.tsv)" shop/versions/"$version"/export/$entity.tsv | cmp - first/$entity.tsv ||
            fail "$entity of $version have other ids than in the first night"
    done
done
# A damaged version is not published.
printf x >> shop/versions/"$third"/export/users.tsv
penstock 3 publish nightly.yaml --rollback
expect err.txt 'export/users.tsv is not what was published'
[ "$(production)" = "versions/$fourth" ] || fail 'a damaged version is production'

# An unfinished night may be given up, and a log that the gate would refuse be trained on all the same.
awk -v OFS='\t' '{ $4 += 1400000; print }' day-05 > day-06
arrive day-06
penstock 4 nightly hasty.yaml
penstock 9 nightly window.yaml --abandon
expect out.txt "^$(name) abandoned"
[ "$(production)" = "versions/$fourth" ] || fail 'an abandoned night has changed production'
tail -n 3000 day-05 > late-05
arrive late-05
penstock 0 nightly window.yaml --accept-log
expect out.txt "^$(name) published: .*: accepted all the same: "
penstock 0 history nightly.yaml --checks
expect out.txt '^ +REFUSED goes on +the log has nothing that is newer'

# What a file may not say is refused with its line.
sed 's/allowed_drop/alowed_drop/; s/gate: {/gate: {alowed_drop: 0, /' nightly.yaml > wrong.yaml
penstock 2 nightly wrong.yaml
expect err.txt 'wrong.yaml:4: gate.alowed_drop is not a key; did you mean gate.allowed_drop'
penstock 2 nightly <(sed 's/logs: {/logs: {options: --out x, /' nightly.yaml)
expect err.txt "logs.options has --out, which is the night's own business"
