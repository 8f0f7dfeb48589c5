#!/bin/bash
# A coordinator that is killed and stays away: every server and worker ends by itself after cluster.coordinator_timeout, with a sentence
# and a code that is not 0; penstock launch gives up after a few restarts and ends with the coordinator's code. Nothing is left
# running, and --resume goes on to the result of an undisturbed run.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
. "$(dirname "$0")/coordinator_helpers.sh"
limit=120
make_data
configure train.consistency=sync train.epochs=100000 early_stop.patience=0 early_stop.every=100000 eval.floors=false \
    checkpoint.every=1 cluster.coordinator_timeout=3
saved() { [ -e "$1/checkpoints/last/manifest.yaml" ]; }
epochs() { "$PENSTOCK" inspect "$1/checkpoints/last" | sed -n 's/^  .* epoch \([0-9]*\),.*/\1/p'; }
resumed() { # run: by other processes than before, for one more epoch
    local more
    more=$(($(epochs "$1") + 1))
    penstock 0 launch --resume "$1" --servers 1 --workers 2 --set train.epochs=$more
    digest "$1"
    local have=$digest
    penstock 0 train run.yaml --run "calm-$1" --workers 1 --set train.epochs=$more
    digest "calm-$1"
    [ "$digest" = "$have" ] || fail "$1 resumed ended with $have instead of $digest"
    [ ! -e "$1/state/coordinator" ] || fail "$1/state/coordinator is left behind"
    [ -z "$(find . -maxdepth 1 -name 'penstock-*')" ] || fail 'sockets are left behind'
}

# Nobody starts it again.
coordinate alone 2 2
wait_until 30 'the meeting point' test -e alone/state/coordinator
members=()
for role in server server worker worker; do
    "$PENSTOCK" join alone --as $role > "member-${#members[@]}.txt" 2>&1 &
    members+=($!)
done
wait_until 60 'the first checkpoint' saved alone
begin=$SECONDS
kill -KILL $job
for i in "${!members[@]}"; do
    ended "${members[$i]}" 4 "member-$i.txt"
    expect "member-$i.txt" '^penstock: the coordinator at .* has been silent for [3-9] s; .*--resume RUN'
done
[ $((SECONDS - begin)) -lt 30 ] || fail "the members took $((SECONDS - begin)) s to end"
resumed alone

# Every life that penstock launch starts is killed.
launch launched 1 2
wait_until 60 'the first checkpoint' saved launched
members=$(pids launched server; pids launched worker)
for life in 1 2 3 4 5 6; do
    kill_coordinator launched 'training|trained|validated|between'
done
ended $job 137 launched.txt
[ "$(grep -c 'started again' launched.txt)" = 5 ] || fail "the coordinator was started again other than 5 times: $(cat launched.txt)"
for each in $members; do wait_until 20 "the end of process $each" gone "$each"; done
resumed launched
