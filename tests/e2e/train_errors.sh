#!/bin/bash
# What goes wrong with a run's files: a damaged checkpoint at every command that reads one, another model's checkpoint, a limit
# on file sizes, a folder that cannot be written, a kill while a checkpoint is written. One sentence, the documented exit code,
# and the previous checkpoint still loads. (damage.sh has the datasets and the full disk.)
# time limit: 200
. "$(dirname "$0")/helpers.sh"
limit=120
make_data
configure train.consistency=sync early_stop.patience=0 eval.floors=false
penstock 0 train run.yaml --run good

refused() { # status, pattern, arguments of penstock
    penstock "$1" "${@:3}"
    expect_one_line err.txt
    expect err.txt "$2"
}

# A byte, or the end, of each file of a checkpoint: every reader says so, and nothing is written. --resume passes over it.
checkpoint=$(readlink -f good/checkpoints/last)
for file in "$checkpoint"/*; do
    name=$(basename "$file")
    cp -r good bad
    truncate -s -1 "bad/checkpoints/last/$name"
    refused 3 "$name" export bad --checkpoint last --out exported
    refused 3 "$name" recommend bad --checkpoint last --out list.tsv
    refused 3 "$name" evaluate bad --checkpoint last
    refused 3 "$name" inspect bad --verify
    [ ! -e list.tsv ] || fail 'a refused recommend left a list'
    [ -z "$(find . -name '*.npy')" ] || fail 'a refused export left arrays'
    # The checkpoint before it is untouched: evaluating it, or going on from it, is possible.
    penstock 0 evaluate bad --checkpoint epoch-0001
    penstock 0 train --resume bad
    expect err.txt "going on from checkpoint epoch-0001.*$name"
    digest good
    want=$digest
    same_digest bad "$want"
    rm -r bad
done

# Another model's checkpoint, or one for another embedding.
configure model.name=nmtr_gmf train.consistency=sync
penstock 0 train run.yaml --run other
for run in good other; do
    [ $run = good ] && from=other || from=good
    refused 3 'checkpoint .*model' evaluate $run --checkpoint ./$from/checkpoints/last
    refused 3 'checkpoint .*model' export $run --checkpoint ./$from/checkpoints/last --out never
    [ ! -e never ] || fail 'a refused export left a folder'
done

# A limit on the size of files stands for a full disk where nothing may be mounted: the run goes on without a checkpoint, and keeps the
# best one that it has (checkpoint_full.sh has a run without any).
digest other
want=$digest
status=0
short=(--set eval.k=10 --set eval.bootstrap=0 --set eval.floors=false) # metrics.json has room
(ulimit -f 8 && exec "$PENSTOCK" train --resume other --set train.epochs=4 "${short[@]}" > out.txt 2> err.txt) || status=$?
[ $status = 0 ] || { cat err.txt; fail "a limit on file sizes ended the run with $status"; }
expect err.txt 'could not be written: .*File too large'
expect err.txt 'warning: the ranks are not kept, so .penstock compare. will not know this run: .*File too large'
same_digest other "$want"
penstock 0 train --resume other --set train.epochs=4

# A folder in which nothing can be made.
touch file
refused 5 'folder file: ' train run.yaml --run file/run
refused 5 'file/top.tsv' recommend other --out file/top.tsv
refused 5 'folder file: ' export other --out file/export
refused 5 'file/result.json' evaluate other --json file/result.json

# Killed while a checkpoint is being written: the one before it is whole, and resuming goes on from there.
configure model.name=nmtr_gmf model.embedding=512 train.consistency=sync eval.floors=false early_stop.every=1000 train.epochs=1000
"$PENSTOCK" train run.yaml --run killed --workers 1 > killed.txt 2>&1 &
pid=$!
unfinished() { # a checkpoint after the first that has files, but no manifest yet
    local folder
    for folder in killed/checkpoints/epoch-*; do
        [ -d "$folder" ] && [ "$folder" != killed/checkpoints/epoch-0001 ] && [ ! -e "$folder/manifest.yaml" ] &&
            [ -n "$(ls "$folder")" ] && return
    done
    return 1
}
deadline=$((SECONDS + 60))
until unfinished; do [ $SECONDS -lt $deadline ] || fail 'no checkpoint was seen while it was written'; done
kill -KILL $pid
wait $pid || true
penstock 0 inspect killed --verify
before=$(readlink killed/checkpoints/last)
number=$((10#${before#epoch-} + 2))
penstock 0 train --resume killed --set train.epochs=$number
penstock 0 inspect killed --verify
[ "$(readlink killed/checkpoints/last)" = "epoch-$(printf %04d $number)" ] || fail "resumed from $before, it did not end with epoch $number"
