#!/bin/bash
# What a run leaves behind, however it was started: valid JSON, the checkpoints that the metrics speak of, nothing else; no
# progress bar where nobody looks; Ctrl-C saves the run where it is.
# time limit: 240
. "$(dirname "$0")/helpers.sh"
command -v python3 > /dev/null || skip 'there is no python3'
limit=120
make_data
configure train.epochs=3 early_stop.patience=2

# The best epoch of a checkpoint's line in `inspect`, and of metrics.json.
left() { # run: looks at what it has left
    run 0 10 python3 "$PENSTOCK_ROOT/tests/e2e/interop_results.py" json "$1/log.jsonl" "$1/metrics.json"
    local best
    best=$(sed -n 's/.*"best_epoch":\([0-9]*\).*/\1/p' "$1/metrics.json")
    [ "$(readlink "$1/checkpoints/best")" = "epoch-$(printf %04d "$best")" ] ||
        fail "$1/checkpoints/best is not epoch $best, the best one by metrics.json"
    [ "$(readlink "$1/checkpoints/last")" = "epoch-$(printf %04d "$(grep -c '"event":"epoch"' "$1/log.jsonl")")" ] ||
        fail "$1/checkpoints/last is not the last epoch"
    penstock 0 config "$1/config.yaml"
    cmp out.txt "$1/config.yaml" || fail "$1/config.yaml is not the effective configuration"
    penstock 0 inspect "$1" --verify
    [ ! -e "$1/state/coordinator" ] || fail "$1/state/coordinator is left behind"
    [ -z "$(find . -name 'penstock-*')" ] || fail "left behind: $(find . -name 'penstock-*')"
    [ -z "$(find "$1" -name '*.tmp' -o -name '.*.tmp')" ] || fail "half-written: $(find "$1" -name '*.tmp')"
}
quiet_terminal() { # nobody looks at a bar that is redrawn in a file
    refuse out.txt $'\r'
    refuse err.txt $'\r'
    expect err.txt '^epoch 1/3 '
}

penstock 0 train run.yaml --run embedded
quiet_terminal
left embedded
for ranks in 1 2 3 5; do
    mpi $ranks train run.yaml --run ranks-$ranks
    run 0 60 "${mpi[@]}"
    quiet_terminal
    left ranks-$ranks
    expect ranks-$ranks/log.jsonl '"event":"start"'
done
expect ranks-5/log.jsonl '"servers":1,"workers":3'
penstock 0 launch run.yaml --servers 2 --workers 2 --run launched
quiet_terminal
left launched
expect launched/log.jsonl '"servers":2,"workers":2'

# Where somebody looks, the bar is redrawn, and nothing of it stays on the line of the result.
script -qec "'$PENSTOCK' train run.yaml --run seen" seen.txt > /dev/null < /dev/null || fail 'training on a terminal failed'
grep -q $'\r' seen.txt || fail 'there is no progress bar on a terminal'

# Ctrl-C during an epoch: it is saved where it is, and the exit code is 7; under launch too.
interrupted() { # run, command ...
    local status=0 pid
    "${@:2}" > "$1.txt" 2>&1 &
    pid=$!
    wait_until 60 "the first checkpoint of $1" test -e "$1/checkpoints/last/manifest.yaml"
    kill -INT $pid
    wait $pid || status=$?
    [ $status = 7 ] || { cat "$1.txt"; fail "SIGINT ended $1 with $status instead of 7"; }
    expect "$1.txt" "interrupted (within|after) epoch [0-9]+ and saved; 'penstock train --resume $1' goes on"
    digest "$1"
}
endless=(--set train.epochs=100000 --set early_stop.patience=0)
set -m # else a shell starts what runs in the background with SIGINT ignored
interrupted stopped "$PENSTOCK" train run.yaml --run stopped "${endless[@]}"
interrupted launch-stopped "$PENSTOCK" launch run.yaml --run launch-stopped "${endless[@]}"
set +m
