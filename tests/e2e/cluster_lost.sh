#!/bin/bash
# The last server, or the launching process itself, is killed: every process ends by itself, with a sentence and an exit code that is
# not 0, nothing is left lying about, and --resume goes on to the result of an undisturbed run.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
limit=120
make_data 1500 600 60000
configure train.consistency=sync train.epochs=4 early_stop.patience=0 early_stop.every=4 eval.floors=false \
    checkpoint.every=1 servers.wait=0 cluster.coordinator_timeout=2

left_behind() { find . -maxdepth 1 -name 'penstock-*'; }

start() { # run: one server, one worker, and a worker that joined; endless, so that it cannot be over too soon
    launch "$1" 1 1 --set train.epochs=100000
    mpi 1 join "$1"
    "${mpi[@]}" > "$1-joined.txt" 2>&1 &
    member=$!
    wait_until 60 "the first checkpoint of $1" happened "$1" '"event":"checkpoint"'
    members=$(pids "$1" server; pids "$1" worker)
}
lost() { # run, status of launch, pattern in its output
    local status=0 pid
    ended $job "$2" "$1.txt"
    [ -z "$3" ] || expect "$1.txt" "$3"
    wait $member || status=$?
    [ $status != 0 ] || fail "the joined worker of $1 ended with 0"
    expect "$1-joined.txt" '^penstock: .*coordinator'
    for pid in $members; do wait_until 20 "the end of process $pid" gone "$pid"; done
}
resumed() { # run
    penstock 0 launch --resume "$1" --servers 2 --workers 1 --set train.epochs="$(($(epochs "$1") + 1))"
    digest "$1"
    penstock 0 train run.yaml --run "calm-$1" --workers 2 --set train.epochs="$(epochs "$1")"
    local have=$digest
    digest "calm-$1"
    [ "$digest" = "$have" ] || fail "$1 resumed ended with $have instead of $digest"
    [ ! -e "$1/state/coordinator" ] || fail "$1/state/coordinator is left behind"
    [ -z "$(left_behind)" ] || fail "left behind: $(left_behind)"
}
epochs() { "$PENSTOCK" inspect "$1/checkpoints/last" | sed -n 's/^  [a-z ]*epoch \([0-9]*\),.*/\1/p'; }

start server
kill -KILL "$(pids server server)"
lost server 4 'no server is left, .* go on from the last checkpoint with .penstock train --resume'
resumed server

# A run belongs to one process at a time: neither a second start nor a second resume disturbs it, and joining still works.
start launch
penstock 2 launch run.yaml --run launch
expect_one_line err.txt
expect err.txt 'holds a run already'
penstock 2 launch --resume launch
expect_one_line err.txt
expect err.txt 'is being trained by another process'
penstock 2 train --resume launch
expect err.txt 'is being trained by another process'
[ -e launch/state/coordinator ] || fail 'a refused start removed the meeting point'
kill -KILL $job
lost launch 137 ''
resumed launch
