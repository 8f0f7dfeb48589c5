#!/bin/bash
# A crash at any instant of writing a checkpoint leaves the one before usable: a run is killed before each system call by which it writes
# one, the first, the second, and so on until there are no more. Every time `last` is a whole checkpoint, and --resume goes on, without a
# warning, to the end of an undisturbed run, bit for bit. Once for full checkpoints, once for one that builds upon the one before.
# time limit: 900
. "$(dirname "$0")/helpers.sh"
gcc -O1 -o kill_at_call "$PENSTOCK_ROOT/tests/e2e/kill_at_call.c"
./kill_at_call 0 /none true || skip 'no process can be traced here: ptrace is refused'
make_data
configure train.consistency=sync train.epochs=3 train.lanes=2 early_stop.every=3 early_stop.patience=0 eval.floors=false \
    checkpoint.keep=1 model.name=nmtr_gmf model.embedding=512
penstock 0 train run.yaml --run whole --workers 1
digest whole
want=$digest

for base in 1 2; do
    # Two epochs, so that the checkpoint of the second one is what the third one's replaces; the third is written under the knife.
    rm -rf before
    penstock 0 train run.yaml --run before --servers 2 --workers 1 --set train.epochs=1
    killed=0
    for ((n = 1; ; n++)); do
        rm -rf run
        cp -r before run
        status=0
        timeout 60 ./kill_at_call $n /run/checkpoints "$PENSTOCK" train --resume run --set checkpoint.base=$base --set train.epochs=3 \
            --servers 2 --workers 1 > calls.txt 2> err.txt || status=$?
        [ $status = 0 ] && break
        [ $status = 99 ] || { cat err.txt; fail "killed at call $n the run ended with $status"; }
        killed=$((killed + 1))
        penstock 0 inspect --verify run/checkpoints/last
        penstock 0 train --resume run --set train.epochs=3 --servers 1 --workers 1 --quiet
        refuse err.txt warning
        same_digest run "$want"
    done
    grep -E '^[0-9]+ [a-z]+ /' calls.txt > listed.txt
    echo "killed at each of $killed calls"
    for call in openat write fsync rename mkdir symlink unlink; do expect listed.txt "$call"; done
    # At each of them: a run on a busy machine may have had one more than the last.
    [ $killed -ge "$(wc -l < listed.txt)" ] || fail "killed $killed times, but there are $(wc -l < listed.txt) calls"
    [ $killed -ge 40 ] || fail "only $killed calls: they are not all seen"
done
