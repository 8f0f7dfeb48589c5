#!/bin/bash
# A coordinator that hangs is replaced by hand, with --takeover. When it thaws it finds itself superseded: nobody listens to it, it
# can decide nothing, and it ends with code 6. The run ends as an undisturbed one, bit for bit.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
. "$(dirname "$0")/coordinator_helpers.sh"
limit=120
make_data 1500 600 60000
configure train.consistency=sync train.epochs=20 early_stop.patience=0 early_stop.every=5 checkpoint.every=1 eval.floors=false \
    net.deadline=20
calm

# takes_over RUN: freezes the coordinator $first, has another one take the run over, and thaws the first.
takes_over() {
    wait_until 60 'the second epoch' trained "$1" 2
    kill -STOP "$first"
    penstock 2 train --resume "$1"
    expect err.txt 'is being trained by another process; .*--takeover'
    "$PENSTOCK" train --resume "$1" --takeover > "$1-second.txt" 2>&1 &
    second=$!
    wait_until 60 'the takeover' taken_over "$1" 1
    wait_until 60 'another epoch' trained "$1" 4
    kill -CONT "$first"
}
same() { # run
    same_digest "$1" "$want"
    [ "$(samples "$1" | sort -u)" = "$every" ] || fail "epochs of $1 have other samples than $every: $(samples "$1" | tr '\n' ' ')"
    [ "$(samples "$1" | wc -l)" = 20 ] || fail "$1 has other than 20 epochs"
    refuse "$1/log.jsonl" '"event":"lost"'
    [ ! -e "$1/state/coordinator" ] || fail "$1/state/coordinator is left behind"
    [ -z "$(find . -maxdepth 1 -name 'penstock-*')" ] || fail 'sockets are left behind'
}

# Over ipc the successor listens at the same place; over tcp the port is taken, and the meeting point tells where it is now.
for transport in ipc tcp; do
    coordinate $transport 2 2 --set cluster.transport=$transport
    first=$job
    wait_until 30 'the meeting point' test -e $transport/state/coordinator
    members=()
    for role in server server worker worker; do
        join $transport $role
        members+=($member)
    done
    takes_over $transport
    ended $first 6 $transport.txt
    expect $transport.txt '^penstock: another coordinator has taken this run over'
    ended $second 0 $transport-second.txt
    for member in "${members[@]}"; do ended "$member" 0 "$transport-members.txt"; done
    same $transport
done

# A launched one: the launch leaves its servers and workers to the new coordinator, and ends with the old one's code.
launch launched 2 2
wait_until 60 'the run' trained launched 1
record launched
first=$pid
takes_over launched
ended $second 0 launched-second.txt
ended $job 6 launched.txt
expect launched.txt 'another coordinator has taken over; the servers and workers started here go on with it'
same launched
