#!/bin/bash
# Who is dead, and who is only slow: a killed worker is noticed at once, a stopped one by its silence, one that beats and stands still by
# cluster.progress_timeout; the latter two come back. On a machine with many more processes than cores nobody is taken for dead. In
# sync mode the result is that of an undisturbed run, bit for bit.
# time limit: 400
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
command -v python3 > /dev/null || skip 'there is no python3'
limit=150
make_data 3000 1200 120000
configure model.embedding=64 train.negatives=15 train.consistency=sync train.epochs=2 early_stop.patience=0 eval.floors=false \
    eval.users=100 cluster.progress_timeout=3

pid_of() { pids run worker | sed -n "$1p"; } # which worker
at() { # pattern: seconds since midnight of the first line of the run's log that matches
    grep -E "$1" run/log.jsonl | head -n 1 | sed 's/.*T\([0-9]*\):\([0-9]*\):\([0-9.]*\)Z.*/\1 \2 \3/' | awk '{printf "%.3f", $1 * 3600 + $2 * 60 + $3}'
}
now() { date -u '+%H %M %S.%N' | awk '{printf "%.3f", $1 * 3600 + $2 * 60 + $3}'; }
elapsed() { awk -v from="$1" -v to="$2" 'BEGIN {d = to - from; printf "%.3f", d < 0 ? d + 86400 : d}'; }
start() { # arguments
    launch run 2 3 "$@"
    wait_until 60 'three workers at work' working run 3
}

calm

start
victim=$(pid_of 1)
killed=$(now)
kill -KILL "$victim"
wait_until 30 'the lanes of the killed worker elsewhere' happened run "\"event\":\"handover\".*\"why\":\"lost\",\"from\":$victim"
expect run/log.jsonl "\"event\":\"lost\".*\"pid\":$victim,\"why\":\"its connection is gone"
noticed=$(elapsed "$killed" "$(at '"event":"lost"')")
echo "# SIGKILL noticed after $noticed s; first push elsewhere after $(elapsed "$killed" "$(at '"event":"handover".*"why":"lost"')") s"
awk "BEGIN {exit !($noticed < 1.5)}" || fail "SIGKILL was noticed after $noticed s only"

victim=$(pid_of 2)
kill -STOP "$victim"
wait_until 60 'the loss of the stopped worker' happened run "\"event\":\"lost\".*\"pid\":$victim,\"why\":\"no sign of life"
kill -CONT "$victim"
wait_until 60 'its return' happened run "\"event\":\"back\".*\"pid\":$victim"
wait_until 60 'its work' happened run "\"event\":\"working\".*\"pid\":$victim" 2

victim=$(pid_of 3)
mkfifo hold
python3 "$PENSTOCK_ROOT/tests/e2e/hold_thread.py" "$victim" < hold > held.txt &
holder=$!
exec 9> hold
if wait_until 30 'a thread that is held' eval "grep -q . held.txt" && grep -q held held.txt; then
    wait_until 60 'the loss of the stuck worker' happened run "\"event\":\"lost\".*\"pid\":$victim,\"why\":\"it sends beats, but has stood still"
    exec 9>&-
    wait $holder
    wait_until 60 'its return' happened run "\"event\":\"back\".*\"pid\":$victim"
else
    echo "# no ptrace here ($(cat held.txt)): a stuck process was not tried"
    exec 9>&-
fi
ended $job 0 run.txt
nothing_lost run
same_digest run "$want"

# Thirty busy processes beside the run's: beats come late, and nobody is taken for dead; nor, over tcp, for the host not to answer.
rm -r run
start --set train.epochs=100000 --set cluster.transport=tcp
busy=()
for _ in {1..30}; do
    sh -c 'while :; do :; done' &
    busy+=($!)
done
passed() { [ $((SECONDS - since)) -ge 15 ]; }
since=$SECONDS
wait_until 30 'fifteen seconds of overload' passed
kill "${busy[@]}"
refuse run/log.jsonl '"event":"lost"'
"$PENSTOCK" status run | tail -n +2
kill -TERM $job
ended $job 7 run.txt
