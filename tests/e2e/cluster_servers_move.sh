#!/bin/bash
# Servers join a running job and get their share of the slots at a step boundary, while training goes on: in sync mode the result is that
# of an undisturbed run, bit for bit; in async mode every micro-batch is applied once. A new server that dies or hangs in the
# middle of a move disturbs nothing.
# time limit: 600
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
limit=120
make_data 1500 600 60000
configure train.consistency=sync train.epochs=60 optimizer.decay=0.97 early_stop.patience=0 early_stop.every=30 eval.floors=false net.deadline=6 \
    checkpoint.every=10 servers.wait=0

ends() { # run: well, with every micro-batch applied once
    ended $job 0 "$1.txt"
    nothing_lost "$1"
    refuse "$1/log.jsonl" '"event":"rollback"'
    wait
}
as_undisturbed() { # run
    ends "$1"
    same_digest "$1" "$want"
}

calm

# From one server to two, and on to four.
for mode in sync async bounded:2; do
    consistency=$mode mode=${mode%:*}
    coordinate $mode 1 2 --set train.consistency="$consistency"
    join $mode server
    join $mode worker
    join $mode worker
    wait_until 60 'the second epoch' happened $mode '"event":"epoch"'
    join $mode server
    wait_until 60 'the first move' happened $mode '"event":"move","moved":true,.*"servers":2'
    join $mode server
    join $mode server
    wait_until 60 'the second move' happened $mode '"event":"move","moved":true,.*"servers":4'
    if [ $mode = sync ]; then as_undisturbed $mode; else ends $mode; fi
done
expect sync/log.jsonl '"event":"move","moved":true,"slots":512,"servers":2,"map":2'

# A new server that hangs before it has its share is given up, and the slots stay where they are. (On a busy machine it may have it
# already: then it is a lost server like any other.)
for attempt in 1 2 3 4 5; do
    run=hangs$attempt
    coordinate $run 2 1
    join $run server
    join $run server
    join $run worker
    wait_until 60 'the second epoch' happened $run '"event":"epoch"'
    join $run server
    wait_until 30 'the third server' joined $run server 3
    kill -STOP $member
    wait_until 60 'the end of the move' happened $run '"event":"move"'
    kill -KILL $member
    void=$(log $run | grep -c '"event":"move","moved":false' || true)
    if [ "$void" -gt 0 ]; then as_undisturbed $run; break; fi
    wait $job || fail "$run has failed"
    wait
    [ $attempt -lt 5 ] || fail 'no new server hung in time'
done

# Servers leave, by a signal and by order, in an epoch: the others get their rows first, and nothing is lost.
for mode in sync async; do
    run=leave-$mode
    coordinate $run 3 2 --set train.consistency=$mode
    join $run server
    first=$member
    join $run server
    join $run server
    join $run worker
    join $run worker
    wait_until 60 'the second epoch' happened $run '"event":"epoch"'
    kill -TERM "$first"
    wait_until 60 'its leave' happened $run '"event":"left","role":"server"'
    ended "$first" 0 "$run-members.txt"
    expect $run/log.jsonl '"event":"move","moved":true,.*"servers":2'
    penstock 0 scale "$run" --servers 1
    expect out.txt '^1 of 2 servers leave$'
    wait_until 60 'the second leave' happened $run '"event":"left","role":"server"' 2
    expect $run/log.jsonl '"event":"move","moved":true,.*"servers":1'
    if [ $mode = sync ]; then as_undisturbed $run; else ends $run; fi
done
