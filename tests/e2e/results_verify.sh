#!/bin/bash
# `inspect --verify` finds a flipped bit wherever it is: 50 seeded places in a dataset and 50 in a checkpoint.
# time limit: 200
. "$(dirname "$0")/helpers.sh"
make_data
configure train.epochs=1 eval.floors=false
penstock 0 train run.yaml --run run
cp -rL run/checkpoints/last checkpoint

flip() { # file, offset, bit
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    printf "$(printf '\\%03o' $((byte ^ 1 << $3)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
RANDOM=2026
for folder in data checkpoint; do
    files=("$folder"/*)
    penstock 0 inspect $folder --verify
    for _ in {1..50}; do
        file=${files[RANDOM % ${#files[@]}]}
        size=$(stat -c %s "$file")
        [ "$size" -gt 0 ] || continue
        offset=$(((RANDOM << 15 | RANDOM) % size)) bit=$((RANDOM % 8))
        flip "$file" $offset $bit
        status=0
        "$PENSTOCK" inspect $folder --verify > out.txt 2> err.txt || status=$?
        [ $status = 3 ] || fail "bit $bit of byte $offset of $size in $file is flipped, and inspect ends with $status"
        expect_one_line err.txt
        flip "$file" $offset $bit
    done
    penstock 0 inspect $folder --verify
done
