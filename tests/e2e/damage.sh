#!/bin/bash
# Truncated and corrupt datasets and checkpoints, a port in use, a full disk: one clear sentence, a non-zero exit, nothing lost.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
make_data
configure
penstock 0 train run.yaml --run run

flip() { # file, offset: inverts one byte
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    printf "$(printf '\\%03o' $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
refused() { # status, pattern, arguments of penstock
    penstock "$1" "${@:3}"
    expect_one_line err.txt
    expect err.txt "$2"
}

# Every file of a dataset, shortened, emptied, gone, or with a byte inverted in its middle: found, and named.
for file in data/*; do
    name=$(basename "$file")
    [ -s "$file" ] || continue
    for harm in short empty gone flip; do
        rm -rf bad
        cp -r data bad
        case $harm in
        short) truncate -s -1 "bad/$name" ;;
        empty) truncate -s 0 "bad/$name" ;;
        gone) rm "bad/$name" ;;
        flip) flip "bad/$name" $(($(stat -c %s "bad/$name") / 2)) ;;
        esac
        refused 3 "bad" inspect bad --verify
        [ "$name" = dataset.yaml ] || expect err.txt "$name"
    done
done

# The same for a checkpoint; the manifest names what belongs to it.
for file in run/checkpoints/last/*; do
    name=$(basename "$file")
    for harm in short gone flip; do
        rm -rf bad
        cp -rL run/checkpoints/last bad
        case $harm in
        short) truncate -s -1 "bad/$name" ;;
        gone) rm "bad/$name" ;;
        flip) flip "bad/$name" $(($(stat -c %s "bad/$name") / 2)) ;;
        esac
        refused 3 'bad' evaluate run --checkpoint ./bad
    done
done

# A port in use: by another run, which is not disturbed.
port=$((20000 + $$ % 20000))
listens=(--set cluster.transport=tcp --set cluster.port=$port)
"$PENSTOCK" train run.yaml --run first "${listens[@]}" --set train.epochs=100000 --set early_stop.patience=0 > first.txt 2>&1 &
first=$!
wait_until 60 'the first checkpoint' test -e first/checkpoints/last/manifest.yaml
refused 4 "$port" train run.yaml --run never "${listens[@]}"
kill -TERM $first
status=0
wait $first || status=$?
[ $status = 7 ] || { cat first.txt; fail "the run that held the port ended with $status instead of 7"; }

# A full disk, as a tmpfs of 256 KiB in a mount namespace of its own.
cat > full.sh << 'SCRIPT'
mkdir -p small && mount -t tmpfs -o size=256k tmpfs small || exit 99
"$PENSTOCK" "$@" > out.txt 2> err.txt
SCRIPT
export PENSTOCK
full() {
    local status=0
    unshare -rm bash full.sh "${@:2}" || status=$?
    [ $status = 99 ] && return
    if [ $status != "$1" ]; then
        cat err.txt
        fail "'penstock ${*:2}' on a full disk ended with $status instead of $1"
    fi
    expect err.txt 'No space left on device'
}
full 5 prepare --out small/data --behaviours view,cart,buy log.tsv
full 5 train run.yaml --run small/run --set model.embedding=256
