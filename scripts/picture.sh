#!/bin/sh
# The picture of a report in docs/: trains on made data, kills a worker meanwhile, has a headless Chromium draw the report.
#   scripts/picture.sh [OUT.png]      (default docs/report.png; needs chromium, which nothing else here does)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
out=$(realpath -m "${1:-$root/docs/report.png}")
penstock=${PENSTOCK:-$root/bin/penstock}
folder=$(mktemp -d "${TMPDIR:-/tmp}/penstock-picture.XXXXXX")
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"$penstock" synth --out log.tsv --users 8000 --items 1500 --interactions 500000
"$penstock" prepare --out shop --behaviours view,cart,buy log.tsv > /dev/null
cat > run.yaml << 'YAML'
data: {path: shop}
model: {name: nmtr_neumf, embedding: 32}
train: {epochs: 12, lanes: 16}
eval: {bootstrap: 500}
YAML
"$penstock" launch run.yaml --servers 2 --workers 2 --run nmtr > run.txt 2>&1 &
job=$!
until [ "$(grep -c '"event":"epoch"' nmtr/log.jsonl 2> /dev/null || true)" -ge 4 ] 2> /dev/null; do
    kill -0 $job || { cat run.txt >&2; exit 1; }
    sleep 0.2
done
kill -KILL "$(sed -n 's/.*"event":"member","role":"worker".*"pid":\([0-9]*\).*/\1/p' nmtr/log.jsonl | head -n 1)"
wait $job
"$penstock" report nmtr > /dev/null
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 --window-size=1200,3400 \
    --screenshot="$out" "file://$folder/nmtr/report.html" > /dev/null 2>&1
[ -s "$out" ]
echo "$out"
