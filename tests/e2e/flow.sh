#!/bin/bash
# A stopped server stops its clients: the memory of workers and of the coordinator does not grow while it stands, the status says who waits
# for whom, for what and since when, and everybody goes on when it goes on, with nothing lost.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
make_data 20000 4000 300000
configure model.name=nmtr_gmf model.embedding=64 train.batch=8192 train.negatives=29 train.lanes=16 train.epochs=100000 early_stop.patience=0 \
    early_stop.every=100000 checkpoint.every=100000 eval.floors=false cluster.member_timeout=60 net.deadline=3

anonymous() { awk '/^RssAnon/ {print $2}' "/proc/$1/status"; } # KiB
now() { echo "${EPOCHREALTIME/[.,]/}"; }
elapsed() { [ $(($(now) - $1)) -ge "$2" ]; } # since, microseconds
since='since ([4-9]|[1-9][0-9]+) s'
waits() { # a worker's wait, or the coordinator's, where the server was stopped between two epochs
    "$PENSTOCK" status "$1" > status.txt &&
        grep -qE "^waiting: worker, process [0-9]+ on [^ ]+: for server [0-9]+ to answer the (push|pull) of epoch [0-9]+, lane [0-9]+, position [0-9]+, $since|^waiting: coordinator: for server [0-9]+ .*$since" status.txt
}

for transport in tcp ipc; do
    launch $transport 2 2 --set cluster.transport=$transport
    wait_until 90 'the second epoch' trained $transport 2
    victim=$(pids $transport server | head -n 1)
    mapfile -t watched < <(pids $transport worker; sed -n 's/^pid: //p' $transport/state/coordinator)
    kill -STOP "$victim"
    wait_until 10 'the clients to stand still' elapsed "$(now)" 1500000
    before=()
    for pid in "${watched[@]}"; do before+=("$(anonymous "$pid")"); done
    epochs=$(grep -c '"event":"epoch"' $transport/log.jsonl)
    wait_until 30 'a status that names the wait' waits $transport
    wait_until 30 'ten seconds' elapsed "$(now)" 10000000
    for i in "${!watched[@]}"; do
        after=$(anonymous "${watched[i]}")
        echo "# $transport: process ${watched[i]}: ${before[i]} KiB when the server stopped, $after KiB ten seconds later"
        [ "$after" -le $((before[i] + 2048)) ] || fail "a process has grown from ${before[i]} to $after KiB while a server stood still"
    done
    [ "$(grep -c '"event":"epoch"' $transport/log.jsonl)" -le $((epochs + 1)) ] || fail 'the run went on without one of its servers'
    expect $transport.txt 'waiting for shard [0-9]+ at [^ ]+ to answer the (push|pull) of epoch|the coordinator waits for server'
    refuse $transport/log.jsonl '"event":"lost"'
    kill -CONT "$victim"
    reached=$(grep -c '"event":"epoch"' $transport/log.jsonl)
    wait_until 60 'the run to go on' trained $transport $((reached + 2))
    kill -TERM $job
    ended $job 7 $transport.txt
    nothing_lost $transport
done
