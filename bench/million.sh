#!/bin/bash
# A million users and a million items with fifty million interactions, made, prepared, trained on for one epoch, and evaluated on a
# fixed sample of users: seconds and peak memory of each stage.
#   bench/million.sh [FOLDER]
# FOLDER (default: a temporary one, removed at the end) needs about 6 GB. USERS, ITEMS, INTERACTIONS and EMBEDDING may be set
# for a smaller trial. Memory is the highest resident set (with the mapped pages of the dataset, which the system may take
# back) and, of it, what belongs to the process alone.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
: "${PENSTOCK:=$root/bin/penstock}" "${USERS:=1000000}" "${ITEMS:=1000000}" "${INTERACTIONS:=50000000}" "${EMBEDDING:=32}"
if [ $# -gt 0 ]; then
    mkdir -p "$1"
    folder=$1
else
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
cd "$folder"

now() { echo "${EPOCHREALTIME/[.,]/}"; }
field() { sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$pid/status" 2> /dev/null || true; }
stage() { # name, command ...
    local begin resident=0 own=0 value status=0
    begin=$(now)
    "${@:2}" > "$1.txt" 2>&1 &
    pid=$!
    while kill -0 $pid 2> /dev/null; do
        value=$(field VmHWM)
        resident=${value:-$resident}
        value=$(field RssAnon)
        [ "${value:-0}" -gt "$own" ] && own=$value
        sleep 0.2
    done
    wait $pid || status=$?
    if [ $status != 0 ]; then
        tail -n 5 "$1.txt" >&2
        echo "bench/million.sh: stage '$1' ended with status $status" >&2
        exit 1
    fi
    printf '%-10s %8.1f s   %7.0f MB resident, %7.0f MB its own\n' "$1" "$((($(now) - begin) / 100000))e-1" \
        "$((resident / 1000))" "$((own / 1000))"
}

echo "$USERS users, $ITEMS items, $INTERACTIONS interactions, NMTR-GMF with E=$EMBEDDING, $(nproc) cores"
stage synth "$PENSTOCK" synth --users "$USERS" --items "$ITEMS" --interactions "$INTERACTIONS" --out log.tsv
stage prepare "$PENSTOCK" prepare --overwrite --out data --behaviours view,cart,buy log.tsv
cat > run.yaml << YAML
data:
  path: data
model:
  name: nmtr_gmf
  embedding: $EMBEDDING
train:
  epochs: 1
eval:
  users: 1000
  floors: false
YAML
rm -rf run
stage train "$PENSTOCK" train run.yaml --run run --servers 1 --workers 1
stage evaluate "$PENSTOCK" evaluate run --users 1000
sed -n 's/.*\("event":"epoch".*\)}/\1/p' run/log.jsonl
du -sh log.tsv data run/checkpoints/last/ | sed 's/^/on disk: /'
cat evaluate.txt
