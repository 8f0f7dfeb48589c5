#!/bin/bash
# Workers come and go while an epoch runs: newcomers get lanes at once, those who are told to go hand theirs back and end with code 0,
# and with the last one gone the run waits for another. In sync mode the result is that of an undisturbed run, bit for bit.
# time limit: 400
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
limit=150
make_data 3000 1200 120000
configure model.embedding=64 train.negatives=15 train.consistency=sync train.epochs=2 early_stop.patience=0 eval.floors=false eval.users=100 \
    cluster.worker_timeout=120

left() { # process, its output: it must have ended with 0, silently
    ended "$1" 0 "$2"
    [ ! -s "$2" ] || fail "a worker that went said: $(cat "$2")"
}

calm

launch run 2 1
wait_until 60 'the first push' working run 1
mpi 2 join run
OMPI_MCA_odls_base_sigkill_timeout=3 "${mpi[@]}" > group.txt 2>&1 &
group=$!
wait_until 60 'the first pushes of two newcomers' working run 3
happened run '"event":"handover".*"why":"balance"' 2 || fail 'newcomers have lanes that were taken from nobody'

# The launched worker is told to go; then the whole mpirun of the others by USR1, which mpirun hands on at once.
kill -TERM "$(pids run worker | head -n 1)"
wait_until 60 'the first worker to go' happened run '"event":"left"'
wait_until 60 'its lanes to go on elsewhere' happened run '"event":"handover".*"why":"left"'
kill -USR1 $group
wait_until 60 'the whole mpirun to go' happened run '"event":"left"' 3
left $group group.txt
wait_until 60 'the run to notice that it has no worker' happened run '"event":"alone"'
expect run.txt 'no worker is left; the run waits 120 s'

# A run without workers goes on with the next ones. SIGTERM reaches mpirun's ranks after odls_base_sigkill_timeout.
join run worker
wait_until 60 'the first push after all' working run 4
kill -TERM $member
left $member run-members.txt
mpi 1 join run
OMPI_MCA_odls_base_sigkill_timeout=3 "${mpi[@]}" > group.txt 2>&1 &
group=$!
wait_until 60 'the first push of the next one' working run 5
kill -TERM $group
wait_until 60 'the mpirun to go' happened run '"event":"left"' 5
wait $group || true # mpirun itself says that it was ended
trained run 2 && fail 'the run was over before all workers had gone'
join run worker
ended $job 0 run.txt
left $member run-members.txt
refuse run/log.jsonl '"event":"lost"'
[ "$(samples run)" = "$(samples calm)" ] || fail "epochs have other samples than those of the undisturbed run: $(samples run)"
same_digest run "$want"

sed -n 's/.*"event":"working".*"seconds":\([0-9.]*\).*/# from joining to the first push: \1 s/p' run/log.jsonl

# Where nobody comes, the run ends after cluster.worker_timeout, with a sentence.
launch alone 1 1 --set cluster.worker_timeout=2
wait_until 60 'the first push' working alone 1
kill -KILL "$(pids alone worker | head -n 1)"
ended $job 4 alone.txt
expect alone.txt 'no worker is left, and none has come for 2 s \(cluster.worker_timeout\); go on from the last checkpoint'
# Its members say that it is over, and leave the reason to the coordinator.
[ "$(grep -c 'none has come for 2 s' alone.txt)" = 1 ] || { cat alone.txt; fail 'the reason is said more than once'; }
expect alone.txt '^penstock: the coordinator ended the run with code 4, and says why$'
