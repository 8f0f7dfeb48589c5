#!/bin/bash
# What the rules of sessions come to on real data. Own items by recency alone, popularity and the first-order Markov chain agree with
# figures that were counted without this program.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
need_data mkmsr-demo
ranks() { # dataset rule: recall and mean reciprocal rank at 20 of the test's cases, in $hr and $mrr
    printf 'data: {path: %s}\nmodel: {name: %s}\neval: {k: [20], floors: false, bootstrap: 0}\n' "$1" "$2" > run.yaml
    limit=200 penstock 0 train run.yaml --run "$1-$2" --workers 2
    local all
    all=$(grep -o '"split":"test".*' "$1-$2/metrics.json" | grep -o '"all":{[^}]*' | head -n 1)
    hr=$(sed 's/.*"hr@20":\([0-9.]*\).*/\1/' <<< "$all") mrr=$(sed 's/.*"mrr@20":\([0-9.]*\).*/\1/' <<< "$all")
}
close() { # dataset rule recall reciprocal: to three digits
    ranks "$1" "$2"
    awk -v a="$hr" -v b="$3" -v c="$mrr" -v d="$4" 'BEGIN { exit !(a - b <= 6e-4 && b - a <= 6e-4 && c - d <= 6e-4 && d - c <= 6e-4) }' ||
        fail "$2 on $1: $hr $mrr instead of $3 $4"
}

penstock 0 prepare --sessions --last 29 --behaviour-column op --time-column epoch --valid none --out demo \
    --test "$data/test.tsv.xz" --item-triples "$data/kg.tsv.xz" "$data/train.tsv.xz"
close demo session_recent 0.2025 0.1428 # 0.184 0.140 with nothing behind the own items
close demo session_popularity 0.2022 0.1341
close demo markov 0.1520 0.0955
close demo item_knn 0.3246 0.1086
close demo session_counts 0.4416 0.1852
close demo session_knowledge 0.5055 0.1949

need_data diginetica-sess
penstock 0 prepare --sessions --format lists --last 0 --valid none --out dig --test "$data/test.sessions.txt.xz" \
    "$data/train.sessions.txt.xz"
expect out.txt 'targets: steps with a step before them +719,470$'
expect out.txt 'test cases +60,858$'
ranks dig popularity
awk -v hr="$hr" 'BEGIN { exit !(hr > 0.00925 && hr < 0.00935) }' || fail "popularity on dig: $hr instead of 0.0093"
# 0.3361 0.1277 is counted where ties go to the pair that was seen first, and nothing is behind the successors.
close dig markov 0.3476 0.1296
close dig session_recent 0.2109 0.1378
close dig session_counts 0.5127 0.1868
