#!/bin/bash
# servers.replicas: 1. A server is killed in the middle of an epoch: its replica goes on, without going back, and in sync mode the last
# checkpoint and the statistics are those of an undisturbed run; in async no micro-batch is lost or counted twice. Another server joins,
# gets the missing copies, and the first one may die too. Fewer than two servers are refused.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
limit=120
penstock 0 synth --out log.tsv --users 1500 --items 600 --interactions 60000
penstock 0 prepare --out data --behaviours view,cart,buy log.tsv
configure train.consistency=sync train.epochs=40 early_stop.patience=0 early_stop.every=20 eval.floors=false servers.wait=0 \
    servers.replicas=1

log() { cat "$1/log.jsonl" 2> /dev/null; }
pids() { # run, role: of its processes, in the order in which they came
    log "$1" | sed -n "s/.*\"event\":\"member\",\"role\":\"$2\".*\"pid\":\([0-9]*\).*/\1/p"
}
happened() { # run, event, times
    [ "$(log "$1" | grep -cE "$2")" -ge "${3:-1}" ]
}
coordinate() { # run, arguments: a job of single processes
    local run=$1
    shift
    "$PENSTOCK" train run.yaml --coordinate --servers 2 --workers 2 --run "$run" "$@" > "$run.txt" 2>&1 &
    job=$!
    for role in server server worker worker; do join "$run" $role; done
}
join() { # run, role
    "$PENSTOCK" join "$1" --as "$2" >> "$1-members.txt" 2>&1 &
}
await() { # run, event, times
    wait_until 60 "$1: $2 ${3:-}" happened "$@"
}
epoch() { await "$1" '"event":"epoch"' "$2"; }
succeeds() { # run
    local status=0
    wait $job || status=$?
    [ $status = 0 ] || { cat "$1.txt"; fail "$1 ended with $status"; }
    refuse "$1/log.jsonl" '"event":"rollback"'
    refuse "$1/log.jsonl" '"(lost|twice)":[1-9]'
    wait
}
statistics() { # run: everything in metrics.json but times and retries
    sed -E 's/"(seconds|samples_per_second|validation_seconds|checkpoint_seconds|repeated)":[0-9.]+//g' "$1/metrics.json"
}

penstock 0 train run.yaml --run calm --workers 1 --set servers.replicas=0
digest calm
want=$digest

# One dies, another joins and gets both copies, and then the first one dies.
coordinate sync
epoch sync 3
kill -KILL "$(pids sync server | head -n 1)"
await sync '"event":"promoted"'
join sync server
await sync '"event":"replica".*"state":"synced"' 4
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
    coordinate $mode --set train.consistency=$mode
    epoch $mode 3
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
