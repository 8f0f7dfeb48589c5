#!/bin/bash
# Workers come and go while an epoch runs: newcomers get lanes at once, those who are told to go hand theirs back and end with code 0,
# and with the last one gone the run waits for another. In sync mode the result is that of an undisturbed run, bit for bit.
# time limit: 400
. "$(dirname "$0")/helpers.sh"
limit=150
penstock 0 synth --out log.tsv --users 3000 --items 1200 --interactions 120000
penstock 0 prepare --out data --behaviours view,cart,buy log.tsv
configure model.embedding=64 train.negatives=15 train.consistency=sync train.epochs=2 early_stop.patience=0 eval.floors=false eval.users=100 \
    cluster.worker_timeout=120

events() { grep -c "\"event\":\"$2\".*$3" "$1/log.jsonl"; }           # run, event, pattern behind it
happened() { [ "$(events "$1" "$2" "$3")" -ge "$4" ]; }               # run, event, pattern, times
pid_of() { sed -n 's/.*"event":"member","role":"worker".*"pid":\([0-9]*\).*/\1/p' "$1/log.jsonl" | sed -n "$2p"; } # run, which
join() { # a worker that is no rank of mpirun
    "$PENSTOCK" join "$1" > "joined-$2.txt" 2>&1 &
    joined=$!
}
left() { # process, its output: it must have ended with 0, silently
    local status=0
    wait "$1" || status=$?
    [ $status = 0 ] || { cat "$2"; fail "a worker that was told to go ended with $status"; }
    [ ! -s "$2" ] || fail "a worker that went said: $(cat "$2")"
}

penstock 0 train run.yaml --run calm --workers 1
digest calm
want=$digest
samples() { sed -n 's/.*"event":"epoch".*"samples":\([0-9]*\).*/\1/p' "$1/log.jsonl"; }

"$PENSTOCK" launch run.yaml --servers 2 --workers 1 --run run > run.txt 2>&1 &
launched=$!
wait_until 60 'the first push' happened run working '' 1
mpi 2 join run
OMPI_MCA_odls_base_sigkill_timeout=3 "${mpi[@]}" > group.txt 2>&1 &
group=$!
wait_until 60 'the first pushes of two newcomers' happened run working '' 3
happened run handover '"why":"balance"' 2 || fail 'newcomers have lanes that were taken from nobody'

# The launched worker is told to go; then the whole mpirun of the others by USR1, which mpirun hands on at once.
kill -TERM "$(pid_of run 1)"
wait_until 60 'the first worker to go' happened run left '' 1
wait_until 60 'its lanes to go on elsewhere' happened run handover '"why":"left"' 1
kill -USR1 $group
wait_until 60 'the whole mpirun to go' happened run left '' 3
left $group group.txt
wait_until 60 'the run to notice that it has no worker' happened run alone '' 1
expect run.txt 'no worker is left; the run waits 120 s'

# A run without workers goes on with the next ones. SIGTERM reaches mpirun's ranks after odls_base_sigkill_timeout.
join run third
wait_until 60 'the first push after all' happened run working '' 4
kill -TERM $joined
left $joined joined-third.txt
mpi 1 join run
OMPI_MCA_odls_base_sigkill_timeout=3 "${mpi[@]}" > group.txt 2>&1 &
group=$!
wait_until 60 'the first push of the next one' happened run working '' 5
kill -TERM $group
wait_until 60 'the mpirun to go' happened run left '' 5
wait $group || true # mpirun itself says that it was ended
happened run epoch '' 2 && fail 'the run was over before all workers had gone'
join run last
status=0
wait $launched || status=$?
[ $status = 0 ] || { cat run.txt; fail "the launch ended with $status"; }
left $joined joined-last.txt
[ "$(events run lost '')" = 0 ] || fail "a worker that went was taken for lost: $(grep lost run/log.jsonl)"
[ "$(samples run)" = "$(samples calm)" ] || fail "epochs have other samples than those of the undisturbed run: $(samples run)"
digest run
[ "$digest" = "$want" ] || fail "the run ended with $digest instead of $want"

sed -n 's/.*"event":"working".*"seconds":\([0-9.]*\).*/# from joining to the first push: \1 s/p' run/log.jsonl

# Where nobody comes, the run ends after cluster.worker_timeout, with a sentence.
"$PENSTOCK" launch run.yaml --servers 1 --workers 1 --run alone --set cluster.worker_timeout=2 > alone.txt 2>&1 &
launched=$!
wait_until 60 'the first push' happened alone working '' 1
kill -KILL "$(pid_of alone 1)"
status=0
wait $launched || status=$?
[ $status = 4 ] || { cat alone.txt; fail "a run without workers ended with $status instead of 4"; }
expect alone.txt 'no worker is left, and none has come for 2 s \(cluster.worker_timeout\); go on from the last checkpoint'
# Its members say that it is over, and leave the reason to the coordinator.
[ "$(grep -c 'none has come for 2 s' alone.txt)" = 1 ] || { cat alone.txt; fail 'the reason is said more than once'; }
expect alone.txt '^penstock: the coordinator ended the run with code 4, and says why$'
