#!/bin/bash
# penstock indicators learns from validation pairs what it says that the user has touched an item; given to evaluate, recommend or a
# run, it ranks such items accordingly, in the same way everywhere.
. "$(dirname "$0")/helpers.sh"
penstock 0 synth --out log.tsv --users 400 --items 250 --interactions 16000
penstock 0 prepare --out data --behaviours view,cart,buy --valid random --hide-weaker 0.3 log.tsv
configure model.name=gmf eval.floors=false
penstock 0 train run.yaml --run plain --quiet
penstock 0 indicators plain
expect out.txt '^ *view .* % of the targets have it   [+-][0-9.]* [+-][0-9.]* [+-][0-9.]*$'
mapfile -t learned < <(grep '^model.indicators' out.txt | sed 'i--set')
[ ${#learned[@]} = 6 ] || fail "a log with times gives popularity and recency too, not just ${learned[*]}"
penstock 0 indicators plain --plain
[ "$(grep -c '^model.indicators' out.txt)" = 1 ] || fail '--plain learns more than model.indicators'
penstock 0 evaluate plain --split valid
hr() { sed -n 's/^  gmf *\([0-9.]*\).*/\1/p' out.txt | head -1; }
before=$(hr)
penstock 0 evaluate plain --split valid "${learned[@]}"
awk "BEGIN { exit !($(hr) > $before) }" || fail "HR@10 is $before without indicators and $(hr) with them"

# In a run: the validation and the report use them, the training does not.
penstock 0 train run.yaml --run with "${learned[@]}" --set train.consistency=sync --quiet
grep '^  gmf ' out.txt > trained.txt
digest with
want=$digest
penstock 0 evaluate with
grep '^  gmf ' out.txt | cmp - trained.txt || fail 'evaluate ranks otherwise than the run'
penstock 0 train run.yaml --run without --set train.consistency=sync --set early_stop.patience=0 --quiet
same_digest without "$want"

# A number so large that only touched items come first.
penstock 0 recommend plain --topk 1 --mask target --set 'model.indicators=[0, 1000]' --out lists.tsv
awk -F'\t' 'NR == FNR { if ($3 == "cart") carted[$1 "\t" $2]; next }
            FNR > 1 { lists++; hits += ($1 "\t" $3) in carted } END { exit !(lists > 100 && hits > lists / 2) }' log.tsv lists.tsv ||
    fail 'carted items do not come first'
penstock 2 evaluate plain --set 'model.indicators=[1]'
expect err.txt 'model.indicators has 1 values, but the dataset .* has 2 behaviours beside the target'
cut -f 1-3 log.tsv > timeless.tsv
penstock 0 prepare --out timeless --behaviours view,cart,buy --test none --valid random timeless.tsv
penstock 2 train run.yaml --run refused --set data.path=timeless --set 'model.indicators_recency=[1, 1]'
expect err.txt "model.indicators_recency is given, but the dataset .* has no times for 'view'"
penstock 0 prepare --out blind --behaviours view,cart,buy --valid none log.tsv
penstock 2 indicators plain --data blind
expect err.txt 'has no validation pairs'
