#!/bin/bash
# penstock train, embedded: what a run leaves behind, and what can be done with it afterwards.
# time limit: 300
# under sanitizers: yes
. "$(dirname "$0")/helpers.sh"
limit=200
make_data
configure train.consistency=sync

penstock 0 train run.yaml --run run --workers 2
expect err.txt '^epoch 1/2 '
expect err.txt '^epoch 2/2 '
expect out.txt '^test: [0-9]+ targets, ranked among all items but .*mask=target.*expected ties'
for row in nmtr_neumf popularity carted_first; do expect out.txt "^  $row +0\.[0-9]{4}/0\.[0-9]{4}"; done
cp out.txt report.txt

# RUN/: the effective configuration (all of it), a log, the results with their protocol, checkpoints.
expect run/config.yaml '^  consistency: sync$'
expect run/config.yaml '^  keep: 2$'
expect run/config.yaml '^  path: "/' # absolute, so that the run can be resumed from anywhere
expect run/metrics.json '"mask":"target","ties":"expected"'
[ -s run/log.jsonl ] || fail 'run/log.jsonl is empty'
for name in best last; do [ -s "run/checkpoints/$name/manifest.yaml" ] || fail "no checkpoint '$name'"; done
digest run
first=$digest

# The run's own configuration repeats it, bit for bit.
penstock 0 train run/config.yaml --run again
digest again
[ "$digest" = "$first" ] || fail "RUN/config.yaml gives $digest instead of $first"
# Another seed does not.
penstock 0 train run/config.yaml --run other --set train.seed=7
digest other
[ "$digest" != "$first" ] || fail 'the seed has no effect'

# A second run never overwrites the first.
penstock 2 train run.yaml --run run
expect_one_line err.txt
digest run
[ "$digest" = "$first" ] || fail 'a refused run changed what was there'

# Afterwards: the same table again, lists of items, embeddings, a description.
penstock 0 evaluate run
grep '^  nmtr_neumf' report.txt > want.txt
grep '^  nmtr_neumf' out.txt > have.txt
cmp want.txt have.txt || { cat out.txt; fail 'evaluate and the report of train disagree'; }
penstock 0 recommend run --topk 5 --out top.tsv
expect top.tsv '^u[0-9]+	'
penstock 0 export run --out export
[ -s export/items.tsv ] && ls export/*.npy > /dev/null || fail 'export wrote no embeddings'
for what in data run run/checkpoints/best; do penstock 0 inspect "$what" --verify; done

# What is wrong is said in one line, with the right exit code, before anything is written.
refused() { # status, pattern, arguments
    penstock "$1" train run.yaml --run never "${@:3}"
    expect_one_line err.txt
    expect err.txt "$2"
    [ ! -e never ] || fail "'$*' left a folder behind"
}
refused 2 'train.epocs is not a key' --set train.epocs=3
refused 3 'nowhere' --set data.path=nowhere
refused 2 "quux" --set model.name=quux
refused 2 'loss_weights' --set 'model.loss_weights=[1, 1]'

# A rule is a model like any other: nothing to train, but it is reported and evaluated.
configure model.name=popularity
penstock 0 train run.yaml --run rule
expect out.txt '^  popularity '
expect out.txt '^  carted_first '
penstock 0 evaluate rule
expect out.txt '^  popularity '
