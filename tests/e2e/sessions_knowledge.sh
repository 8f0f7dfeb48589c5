#!/bin/bash
# MKM-SR on a made log of sessions with knowledge: passes of triples are part of the stream that sync repeats bit for bit, by every
# strategy; items that no training session has are found through what is known of them; what is missing is said.
# time limit: 240
. "$(dirname "$0")/helpers.sh"

# Items 0 to 79 are of 8 categories, by their number; a session stays in one, and sometimes orders. Items from 64 on are in test
# sessions alone.
awk 'function session(name, most,    k, length_, category) {
         category = int(rand() * 8)
         length_ = 3 + int(rand() * 4)
         for (k = 0; k < length_; k++)
             printf "%s\t%d\ti%d\t%s\n", name, k, category + 8 * int(rand() * most), rand() < 0.2 ? "order" : "click" > file
     }
     BEGIN {
         srand(3)
         file = "train.tsv"
         print "session\tpos\titem\tevent" > file
         for (s = 0; s < 600; s++) session("s" s, 8)
         file = "test.tsv"
         print "session\tpos\titem\tevent" > file
         for (s = 0; s < 100; s++) session("t" s, 10)
         file = "triples.tsv"
         print "item\trelation\tvalue" > file
         for (i = 0; i < 80; i++) printf "i%d\tcategory\tc%d\ni%d\tparity\tp%d\n", i, i % 8, i, i % 2 > file
     }'
sessions=(prepare --sessions --behaviour-column event --position-column pos --test test.tsv --valid 0.1)
penstock 0 "${sessions[@]}" --item-triples triples.tsv --out data train.tsv
expect out.txt '^values of item feature category +8  '
configure train.consistency=sync train.batch=64 train.lanes=4 train.epochs=3 early_stop.metric=hr@10 eval.mask=none eval.k='[10]' \
    optimizer.name=adam optimizer.lr=0.005 model.knowledge_weight=1 eval.floors=false

for how in knowledge={alternating,joint,pretrain}' knowledge_margin=0' 'knowledge=alternating knowledge_margin=1' 'knowledge=joint knowledge_margin=1 score=mlp'; do
    sets=(--set model.knowledge_epochs=1)
    for key in $how; do sets+=(--set "model.$key"); done
    rm -rf one many
    penstock 0 train run.yaml --run one --set model.name=mkmsr "${sets[@]}" --servers 1 --workers 1
    digest one
    want=$digest
    penstock 0 train run.yaml --run many --set model.name=mkmsr "${sets[@]}" --servers 2 --workers 3
    expect out.txt '^  mkmsr '
    grep '^  mkmsr ' out.txt > trained.txt
    same_digest many "$want"
    penstock 0 evaluate many
    grep '^  mkmsr ' out.txt > evaluated.txt
    cmp trained.txt evaluated.txt || fail 'mkmsr ranks otherwise without servers'
done
penstock 0 export many
[ -f many/export/relation.normal.npy ] || fail 'the relations are not exported'

# Found through knowledge, or not: where all items were candidates, these would be pushed away by every step.
cold() { # hr@30 of the targets that no training session has
    awk '/that training does not know/ { at = 1 } at && $1 == "mkmsr" { sub("/.*", "", $2); print $2; exit }' out.txt
}
for how in none pretrain; do
    penstock 0 train run.yaml --run "cold-$how" --set model.name=mkmsr --set "model.knowledge=$how" --set model.knowledge_margin=1 \
        --set model.knowledge_epochs=20 --set train.epochs=25 --set train.batch=16 --set train.candidates=sampled --set train.samples=64 \
        --set early_stop.patience=0 --set eval.k='[30]' --set early_stop.metric=hr@30 --servers 1 --workers 1
    found=$(cold)
    echo "cold targets, knowledge $how: hr@30 $found"
    [ "$how" = none ] && without=$found
done
awk -v a="$without" -v b="$found" 'BEGIN { exit !(b > 0.6 && b > a + 0.2) }' ||
    fail "cold items: hr@30 is $found with knowledge and $without without"

penstock 0 "${sessions[@]}" --out plain train.tsv
penstock 2 train run.yaml --run refused --set model.name=mkmsr --set data.path=plain
expect err.txt 'model mkmsr learns knowledge about items, but the dataset .*plain has none; prepare it with --item-triples, or set model.knowledge to none$'
penstock 0 train run.yaml --run without --set model.name=m_sr --set data.path=plain --set train.epochs=1

# Items of a category lie together after passes of triples alone, and the picture shows it.
penstock 0 map cold-pretrain --by category --title 'A & B' --out map.svg
expect out.txt '^map.svg$'
expect out.txt '^48 items; nearest neighbour of the same category: 0\.[89][0-9]*, by chance 0\.1[0-9]*$'
python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' map.svg || fail 'map.svg is no XML'
[ "$(grep -c 'r="2.5"' map.svg)" = 48 ] || fail 'the map has another number of items'
expect map.svg '>A &amp; B: items by category<'
penstock 2 map cold-pretrain --by colour
expect err.txt "has no feature 'colour' of items; 'penstock inspect .*' lists its features\$"
penstock 0 train run.yaml --run rule --set model.name=markov
penstock 2 map rule --by category
expect err.txt "'markov' is a rule: it has no embeddings to draw\$"
