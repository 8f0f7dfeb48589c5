#!/bin/bash
# servers.replicas: 1. A server is killed in the middle of an epoch: its replica goes on, without going back, and in sync mode the last
# checkpoint and the statistics are those of an undisturbed run; in async no micro-batch is lost or counted twice. Another server joins,
# gets the missing copies, and the first one may die too. Fewer than two servers are refused.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
limit=120
penstock 0 synth --out log.tsv --users 1500 --items 600 --interactions 60000
penstock 0 prepare --out data --behaviours view,cart,buy log.tsv
configure train.consistency=sync train.epochs=40 early_stop.patience=0 early_stop.every=20 eval.floors=false servers.wait=0 \
    servers.replicas=1

job_of_four() { # run, arguments
    coordinate "$1" 2 2 "${@:2}"
    for role in server server worker worker; do join "$1" $role; done
}
await() { # run, event, times
    wait_until 60 "$1: $2 ${3:-}" happened "$@"
}
succeeds() { # run
    ended $job 0 "$1.txt"
    refuse "$1/log.jsonl" '"event":"rollback"'
    nothing_lost "$1"
    wait
}
statistics() { # run: everything in metrics.json but times and retries
    sed -E 's/"(seconds|samples_per_second|validation_seconds|checkpoint_seconds|repeated)":[0-9.]+//g' "$1/metrics.json"
}

penstock 0 train run.yaml --run calm --workers 1 --set servers.replicas=0
digest calm
want=$digest

# One dies, another joins and gets both copies, and then the first one dies.
job_of_four sync
await sync '"event":"epoch"' 3
kill -KILL "$(pids sync server | head -n 1)"
await sync '"event":"promoted"'
join sync server
await sync '"event":"replica".*"state":"synced"' 4
penstock 0 status sync
expect out.txt ' server .* replica 0 '
expect out.txt ' server .* replica 1 '
kill -KILL "$(pids sync server | sed -n 2p)"
await sync '"event":"promoted"' 3
succeeds sync
digest sync
[ "$digest" = "$want" ] || fail "sync ended with $digest instead of $want"
[ "$(statistics sync)" = "$(statistics calm)" ] || fail "other statistics: $(statistics sync) instead of $(statistics calm)"
expect sync.txt 'server 0 .* is lost .*; its replica \(process .*\) goes on, and nothing is lost'
expect sync.txt 'all servers are on one host'

# async and bounded: every micro-batch counted once, whatever dies.
for mode in async bounded:2; do
    job_of_four $mode --set train.consistency=$mode
    await $mode '"event":"epoch"' 3
    kill -KILL "$(pids $mode server | tail -n 1)"
    await $mode '"event":"promoted"'
    join $mode server
    await $mode '"event":"replica".*"state":"synced"' 4
    kill -KILL "$(pids $mode server | sed -n 1p)"
    await $mode '"event":"promoted"' 3
    succeeds $mode
done

# A copy needs a second process.
penstock 2 train run.yaml --run one --coordinate --servers 1
expect err.txt 'servers.replicas: 1 wants at least two server processes'
expect_one_line err.txt
penstock 2 train run.yaml --run threads --servers 2
expect err.txt 'there is one process for all'
