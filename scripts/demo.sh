#!/bin/sh
# The main job from raw log to ranked lists, on made data, or on your own:  make demo DATA=folder
# DATA is a log with the columns user, item, behaviour and timestamp, or a folder of such files, or a folder with one file a behaviour
# (view.tsv, cart.tsv, ... or view.train.tsv, ...; then TARGET.test.tsv, where there is one, is the test). BEHAVIOURS names the
# behaviours in cascade order, weakest first (default view,cart,buy); TEST is prepare's --test (default last-by-time).
# EPOCHS, SERVERS and WORKERS may be set too.
set -eu
penstock=${PENSTOCK:-bin/penstock}
behaviours=${BEHAVIOURS:-view,cart,buy}
servers=${SERVERS:-2} workers=${WORKERS:-2}
folder=$(mktemp -d "${TMPDIR:-/tmp}/penstock-demo.XXXXXX")
trap 'rm -f "$folder/log.tsv"' EXIT

say() { printf '\n== %s\n' "$*"; }

first_of() { # the first of the names that exists
    for name in "$@"; do
        if [ -e "$name" ]; then
            echo "$name"
            return
        fi
    done
}

rule=last-by-time
if [ -n "${DATA:-}" ] && [ ! -d "$DATA" ]; then
    set -- "$DATA"
elif [ -n "${DATA:-}" ]; then
    set --
    for b in $(echo "$behaviours" | tr , ' '); do
        file=$(first_of "$DATA/$b.train".* "$DATA/$b".*)
        [ -z "$file" ] || set -- "$@" "$b=$file"
        test=$(first_of "$DATA/$b.test".*)
    done
    if [ $# = 0 ]; then
        set -- "$DATA"/*
    else
        rule=${test:-last-by-position}
    fi
else
    say "a log of views, carts and purchases with planted tastes (penstock synth)"
    "$penstock" synth --out "$folder/log.tsv"
    set -- "$folder/log.tsv"
fi

say "raw log to dataset (penstock prepare)"
"$penstock" prepare --behaviours "$behaviours" --test "${TEST:-$rule}" --out "$folder/prepared" "$@"

say "NMTR-NeuMF under mpirun: a coordinator, $servers servers, $workers workers (penstock launch)"
"$penstock" launch conf/demo.yaml --servers "$servers" --workers "$workers" --run "$folder/run" \
    --set data.path="$folder/prepared" ${EPOCHS:+--set train.epochs="$EPOCHS"}

say "the ten best items of five users, by their own names (penstock recommend)"
"$penstock" recommend "$folder/run" --topk 10 --out "$folder/run/export/top-10.tsv" 2>/dev/null
awk -F '\t' 'NR > 1 && !($1 in seen) { if (++users > 5) exit; seen[$1] = 1; order[users] = $1 }
    NR > 1 { list[$1] = list[$1] " " $3 }
    END { for (i = 1; i <= users && i <= 5; i++) printf "%s:%s\n", order[i], list[order[i]] }' "$folder/run/export/top-10.tsv"
printf '\nThe run is in %s: look at it with  bin/penstock inspect %s\n' "$folder/run" "$folder/run"
