#!/bin/bash
# The last server, or the launching process itself, is killed: every process ends by itself, with a sentence and an exit code that is
# not 0, nothing is left lying about, and --resume goes on to the result of an undisturbed run.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
limit=120
penstock 0 synth --out log.tsv --users 1500 --items 600 --interactions 60000
penstock 0 prepare --out data --behaviours view,cart,buy log.tsv
configure train.consistency=sync train.epochs=4 early_stop.patience=0 early_stop.every=4 eval.floors=false \
    checkpoint.every=1 servers.wait=0 cluster.coordinator_timeout=2

pids() { # run, role
    sed -n "s/.*\"event\":\"member\",\"role\":\"$2\".*\"pid\":\([0-9]*\).*/\1/p" "$1/log.jsonl"
}
trained() { [ -e "$1/log.jsonl" ] && [ "$(grep -c '"event":"checkpoint"' "$1/log.jsonl")" -ge "$2" ]; }
gone() { ! kill -0 "$1" 2> /dev/null; }
left_behind() { find . -maxdepth 1 -name 'penstock-*'; }

start() { # run: one server, one worker, and a worker that joined; endless, so that it cannot be over too soon
    "$PENSTOCK" launch run.yaml --servers 1 --workers 1 --run "$1" --set train.epochs=100000 > "$1.txt" 2>&1 &
    launched=$!
    mpi 1 join "$1"
    "${mpi[@]}" > "$1-joined.txt" 2>&1 &
    joined=$!
    wait_until 60 "the first checkpoint of $1" trained "$1" 1
    members=$(pids "$1" server; pids "$1" worker)
}
ended() { # run, allowed statuses of launch, pattern in its output
    local status=0 pid
    wait $launched || status=$?
    [[ " $2 " == *" $status "* ]] || { cat "$1.txt"; fail "launch of $1 ended with $status, not one of $2"; }
    [ -z "$3" ] || expect "$1.txt" "$3"
    status=0
    wait $joined || status=$?
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
ended server 4 'no server is left, .* go on from the last checkpoint with .penstock train --resume'
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
kill -KILL $launched
ended launch 137 ''
resumed launch
