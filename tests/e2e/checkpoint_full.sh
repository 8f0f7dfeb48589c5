#!/bin/bash
# No room for checkpoints (files may have 64 KiB only): the run warns and trains on. With one from before it ends with the results of
# that one, which stays whole; where there is none it ends with code 5.
# time limit: 200
. "$(dirname "$0")/helpers.sh"
make_data
configure train.consistency=sync train.epochs=3 early_stop.patience=0 eval.floors=false
small() { (ulimit -f 64; exec "$PENSTOCK" "$@"); }
export -f small
export PENSTOCK

run 5 60 bash -c 'small train run.yaml --run never'
[ "$(grep -c 'warning: checkpoint epoch-000[123] could not be written: .*File too large; training goes on' err.txt)" = 3 ] ||
    { cat err.txt; fail 'not a warning for each checkpoint'; }
expect never/log.jsonl '"event":"checkpoint_failed","epoch":2,"name":"epoch-0002","code":5'
expect err.txt '^penstock: cannot write .*File too large$'
[ -z "$(find never/checkpoints -mindepth 1)" ] || fail "left behind: $(find never/checkpoints -mindepth 1)"
penstock 0 train --resume never # with room it begins anew
[ "$(readlink never/checkpoints/last)" = epoch-0003 ] || fail 'nothing was saved with room'

penstock 0 train run.yaml --run later --set train.epochs=1 --servers 2
run 0 60 bash -c 'small train --resume later --set train.epochs=3 --set checkpoint.steps=5'
expect err.txt 'warning: checkpoint epoch-0003 could not be written'
[ "$(readlink later/checkpoints/last)" = epoch-0001 ] || fail "last is $(readlink later/checkpoints/last)"
[ "$(readlink later/checkpoints/best)" = epoch-0001 ] || fail "best is $(readlink later/checkpoints/best)"
penstock 0 inspect --verify later/checkpoints/last
expect later/metrics.json '"best_epoch":1'
penstock 0 train --resume later --set train.epochs=3
digest never
want=$digest
same_digest later "$want"
