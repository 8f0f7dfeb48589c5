#!/bin/bash
# A worker's host is cut off from one moment to the next: its kernel does not answer any more, which is noticed within two seconds, and
# long before the silence of a process that only gets no turn would be.
# time limit: 200
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
. "$PENSTOCK_ROOT/tests/lab/lab.sh"
lab_enter "$0" || skip 'no network namespaces can be made here: unshare -rnm, or /dev/net/tun, is refused'
lab_up c1 w1 w2 || fail 'the lab does not come up'
make_data
configure train.consistency=sync train.epochs=100000 early_stop.patience=0 early_stop.every=100000 checkpoint.every=100000 \
    eval.floors=false cluster.member_timeout=30
printf '%s\n' "c1 coordinator 1 $(lab_address c1)" "c1 server 1 $(lab_address c1)" 'w1 worker 1' 'w2 worker 1' > hosts
"$PENSTOCK" launch run.yaml --hosts hosts --agent "$lab_agent" --run run > run.txt 2>&1 &
job=$!
wait_until 60 'both workers at work' happened run '"event":"working"' 2
cut=$(date +%s%N)
lab_link w1 cable 0
wait_until 20 'the loss of the host' happened run '"event":"lost","role":"worker","host":"w1".*its connection is gone'
lost=$(date -d "$(sed -n 's/.*"time":"\([^"]*\)","event":"lost".*/\1/p' run/log.jsonl | head -n 1)" +%s%N)
echo "# a host that is cut off is noticed after $(((lost - cut) / 1000000)) ms"
[ $((lost - cut)) -lt 4000000000 ] || fail "the loss was noticed after $(((lost - cut) / 1000000)) ms only"
lab_link w1 cable 1
wait_until 60 'the return of the worker' happened run '"event":"back","role":"worker","host":"w1"'
wait_until 60 'its work' happened run '"event":"working"' 3
kill -TERM $job
ended $job 7 run.txt
nothing_lost run
# The switch takes a moment to give its devices back.
mapfile -t children < <(jobs -p)
kill "${children[@]}"
wait || true
