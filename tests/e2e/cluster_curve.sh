#!/bin/bash
# cluster.security: curve gives the same result over every transport; its keys lie where only the owner can read them, and go with the
# run. Strangers at the coordinator's and at a server's port, before and while it trains, are refused and counted, and change nothing.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
limit=120
make_data
configure train.consistency=sync train.epochs=10 early_stop.every=10 early_stop.patience=0 eval.floors=false
penstock 0 train run.yaml --run plain --workers 1
digest plain
want=$digest

penstock 0 launch run.yaml --servers 2 --workers 2 --run launched --set cluster.security=curve
same_digest launched "$want"
mpi 5 train run.yaml --run ranks --set cluster.servers=2 --set cluster.security=curve --set cluster.transport=tcp --quiet
run 0 120 "${mpi[@]}"
same_digest ranks "$want"
expect ranks/metrics.json '"strangers":0'
[ ! -e ranks/keys ] || fail 'the keys outlive the run'

# Another run's keys, for later.
"$PENSTOCK" train run.yaml --coordinate --run other --set cluster.security=curve --set cluster.transport=tcp > other.txt 2>&1 &
other=$!
wait_until 60 'the keys of another run' test -s other/state/coordinator
cp other/keys/curve theirs
kill $other
wait $other || true

# The run under attack: it waits for a second worker, so the strangers surely come before it is over.
coordinate R 1 2 --set cluster.security=curve --set cluster.transport=tcp
join R server
server=$member
join R worker
wait_until 60 'a server and a worker' happened R '"event":"member"' 2
[ "$(stat -c %a R/keys R/keys/curve | tr '\n' ' ')" = '700 600 ' ] || fail "modes: $(stat -c '%a %n' R/keys R/keys/curve)"
address=$(sed -n 's/^endpoint: "\(.*\)"/\1/p' R/state/coordinator)

knock() { # pattern of what is said, arguments of join
    local pattern=$1
    shift
    penstock 4 join --wait 20 "$@"
    expect_one_line err.txt
    expect err.txt "$pattern"
}
reason='refuses this process, which has not the same keys'
knock "$reason" "$address"
install -m 600 theirs wrong
knock "$reason" "$address" --key wrong
# It has learned which key is the servers', but no member's key.
sed 's/^member_.*//' R/keys/curve > mixed
grep '^member_' theirs >> mixed
chmod 600 mixed
knock "$reason" "$address" --key mixed
chmod 644 wrong
penstock 2 join "$address" --key wrong
expect err.txt 'may be read or written by others \(mode 0644\)'

# No ZeroMQ at all (which libzmq drops without telling of each), at the port of the coordinator and at that of the server, which no file names.
port=$(port_of $server)
[ -n "$port" ] || fail 'the server listens nowhere'
count() { # refused or by_coordinator
    sed -n "s/.*\"event\":\"strangers\".*\"$1\":\([0-9]*\).*/\1/p" R/log.jsonl | tail -n 1
}
refused() { [ "$(count by_coordinator)" -ge "$1" ]; }
wait_until 30 'the count of those refused by the coordinator' refused 3
garbage "${address##*:}"
for ((i = 0; i < 3; i++)); do garbage "$port"; done
knock "$reason" "tcp://127.0.0.1:$port"
knock "$reason" "tcp://127.0.0.1:$port" --key mixed

# Strangers all the while; the second worker comes by address, with a copy of the keys.
(until [ -e over ]; do "$PENSTOCK" join --wait 1 "$address" || sleep 0.01; done) > knocking.txt 2>&1 &
knocking=$!
install -m 600 R/keys/curve ours
penstock 0 join "$address" --key ours
ended $job 0 R.txt
touch over
wait $knocking
ended $server 0 R-members.txt
ended $member 0 R-members.txt
same_digest R "$want"
expect R/metrics.json '"strangers":[1-9][0-9]*'
[ $(($(count refused) - $(count by_coordinator))) -ge 2 ] || fail "refused by the server: $(tail -n 20 R/log.jsonl)"
expect R.txt 'somebody without the keys of this run tries to connect'
refuse R/log.jsonl '"event":"(lost|refused)"'
[ ! -e R/keys ] || fail 'the keys outlive the run'

# Whoever is lost, the others go on with the same keys, and so do new connections between them.
penstock 0 train run.yaml --run long --workers 1 --set train.epochs=60
digest long
want=$digest
launch hurt 2 2 --set cluster.security=curve --set train.epochs=60 --set net.deadline=6 --set servers.wait=0
wait_until 60 'the first epoch' trained hurt 1
for role in server worker; do kill -KILL "$(pids hurt $role | head -n 1)"; done
ended $job 0 hurt.txt
expect hurt/log.jsonl '"event":"rollback"'
same_digest hurt "$want"
expect hurt/metrics.json '"strangers":[0-9]'
