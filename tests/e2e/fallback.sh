#!/bin/bash
# The newest checkpoint is torn, truncated, bit-flipped or gone: --resume says so in one warning, goes on from the newest one that is
# whole, and ends where an undisturbed run ends, bit for bit, with the same epochs and validations.
# time limit: 400
. "$(dirname "$0")/helpers.sh"
make_data
configure train.consistency=sync train.epochs=7 early_stop.patience=0 eval.floors=false checkpoint.keep=3
flip() { # file, offset: inverts one byte
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    printf "$(printf '\\%03o' $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
middle() { echo $(($(stat -c %s "$1") / 2)); }
facts() { # run: epochs and validations, each once (the later one counts), without times
    grep -E '"event":"(epoch|validation)"' "$1/log.jsonl" | sed 's/"time":"[^"]*",//; s/,"seconds".*/}/' |
        tac | awk -F'"loss"|"value"' '!seen[$1]++' | tac | sort
}
same() { # run: ends like the undisturbed one
    same_digest "$1" "$want"
    diff <(facts whole) <(facts "$1") || fail "$1 has other epochs or validations than the undisturbed run"
    [ "$(readlink "$1/checkpoints/best")" = "$(readlink whole/checkpoints/best)" ] || fail "$1 has another best epoch"
}
warned_once() { # text
    [ "$(grep -c 'penstock: warning: going on from checkpoint' err.txt)" = 1 ] || { cat err.txt; fail 'not exactly one warning'; }
    expect err.txt "$1"
}

penstock 0 train run.yaml --run whole
digest whole
want=$digest
penstock 0 train run.yaml --run half --servers 2 --set train.epochs=5
[ "$(readlink half/checkpoints/last)" = epoch-0005 ] || fail 'the fifth epoch is not the last one'

for harm in truncated flipped gone manifest torn; do
    rm -rf bad
    cp -r half bad
    last=bad/checkpoints/epoch-0005
    case $harm in
    truncated) truncate -s -1 $last/shard-001.rows ;;
    flipped) flip $last/shard-001.rows "$(middle $last/shard-001.rows)" ;;
    gone) rm $last/shard-000.rows ;;
    manifest) flip $last/manifest.yaml "$(middle $last/manifest.yaml)" ;;
    torn) rm $last/manifest.yaml ;; # what `last` points at was a checkpoint
    esac
    penstock 0 train --resume bad --set train.epochs=7
    warned_once 'epoch-0004, the newest that is whole; passed over: .*epoch-0005'
    expect bad/log.jsonl '"event":"fallback","to":"epoch-0004"'
    expect bad/log.jsonl '"event":"start".*epoch-0004"'
    same bad
done

# Two are damaged; and a coordinator alone, in a job of its own.
rm -rf bad
cp -r half bad
for epoch in 4 5; do flip bad/checkpoints/epoch-000$epoch/shard-000.rows 300; done
limit=120
penstock 0 launch --resume bad --set train.epochs=7
warned_once 'epoch-0003, the newest that is whole; passed over: .*epoch-0005.*epoch-0004'
same bad

# Checkpoints that build upon a damaged one are as bad as it.
penstock 0 train run.yaml --run chain --set train.epochs=5 --set checkpoint.base=2 --set checkpoint.keep=9
expect chain/checkpoints/epoch-0004/manifest.yaml "^parent: 'epoch-0003'"
flip chain/checkpoints/epoch-0003/shard-000.rows 300
truncate -s -1 chain/checkpoints/epoch-0005/shard-000.rows
penstock 0 train --resume chain --set train.epochs=7
warned_once 'epoch-0002, the newest that is whole; passed over: .*epoch-0005.*epoch-0003'
same chain

# A folder without a manifest that nothing points at is what a crash leaves: not a word about it.
rm -rf bad
cp -r half bad
mkdir bad/checkpoints/epoch-0006
head -c 1000 half/checkpoints/epoch-0005/shard-000.rows > bad/checkpoints/epoch-0006/shard-000.rows.tmp
penstock 0 train --resume bad --set train.epochs=7
refuse err.txt warning
same bad

# An older one by choice: what is trained from there is the newest from then on.
rm -rf bad
cp -r half bad
penstock 0 train --resume bad --from epoch-0003 --set train.epochs=4
refuse err.txt warning
penstock 0 train --resume bad --set train.epochs=7
expect bad/log.jsonl '"event":"start".*epoch-0004"'
same bad
penstock 3 train --resume bad --from epoch-0099
expect_one_line err.txt
expect err.txt 'epoch-0099 is no checkpoint'
penstock 2 train run.yaml --from epoch-0003

# None is whole: one sentence, and nothing is begun anew.
for file in bad/checkpoints/epoch-*/shard-000.rows; do flip "$file" 300; done
penstock 3 train --resume bad --set train.epochs=9
expect_one_line err.txt
expect err.txt 'no checkpoint in .* is whole'
