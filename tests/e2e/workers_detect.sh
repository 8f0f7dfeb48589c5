#!/bin/bash
# Who is dead, and who is only slow: a killed worker is noticed at once, a stopped one by its silence, one that beats and stands still by
# cluster.progress_timeout; the latter two come back. On a machine with many more processes than cores nobody is taken for dead. In
# sync mode the result is that of an undisturbed run, bit for bit.
# time limit: 400
. "$(dirname "$0")/helpers.sh"
command -v python3 > /dev/null || skip 'there is no python3'
limit=150
penstock 0 synth --out log.tsv --users 3000 --items 1200 --interactions 120000
penstock 0 prepare --out data --behaviours view,cart,buy log.tsv
configure model.embedding=64 train.negatives=15 train.consistency=sync train.epochs=2 early_stop.patience=0 eval.floors=false \
    eval.users=100 cluster.progress_timeout=3

happened() { [ "$(grep -cE "\"event\":\"$2\".*$3" "$1/log.jsonl")" -ge "$4" ]; } # run, event, pattern behind it, times
pid_of() { sed -n 's/.*"event":"member","role":"worker".*"pid":\([0-9]*\).*/\1/p' "$1/log.jsonl" | sed -n "$2p"; } # run, which
at() { # pattern: seconds since midnight of the first line of the run's log that matches
    grep -E "$1" run/log.jsonl | head -n 1 | sed 's/.*T\([0-9]*\):\([0-9]*\):\([0-9.]*\)Z.*/\1 \2 \3/' | awk '{printf "%.3f", $1 * 3600 + $2 * 60 + $3}'
}
now() { date -u '+%H %M %S.%N' | awk '{printf "%.3f", $1 * 3600 + $2 * 60 + $3}'; }
elapsed() { awk -v from="$1" -v to="$2" 'BEGIN {d = to - from; printf "%.3f", d < 0 ? d + 86400 : d}'; }
start() { # arguments
    "$PENSTOCK" launch run.yaml --servers 2 --workers 3 --run run "$@" > run.txt 2>&1 &
    launched=$!
    wait_until 60 'three workers at work' happened run working '' 3
}

penstock 0 train run.yaml --run calm --workers 1
digest calm
want=$digest

start
victim=$(pid_of run 1)
killed=$(now)
kill -KILL "$victim"
wait_until 30 'the lanes of the killed worker elsewhere' happened run handover "\"why\":\"lost\",\"from\":$victim" 1
expect run/log.jsonl "\"event\":\"lost\".*\"pid\":$victim,\"why\":\"its connection is gone"
noticed=$(elapsed "$killed" "$(at '"event":"lost"')")
echo "# SIGKILL noticed after $noticed s; first push elsewhere after $(elapsed "$killed" "$(at '"event":"handover".*"why":"lost"')") s"
awk "BEGIN {exit !($noticed < 1.5)}" || fail "SIGKILL was noticed after $noticed s only"

victim=$(pid_of run 2)
kill -STOP "$victim"
wait_until 60 'the loss of the stopped worker' happened run lost "\"pid\":$victim,\"why\":\"no sign of life" 1
kill -CONT "$victim"
wait_until 60 'its return' happened run back "\"pid\":$victim" 1
wait_until 60 'its work' happened run working "\"pid\":$victim" 2

victim=$(pid_of run 3)
mkfifo hold
python3 "$PENSTOCK_ROOT/tests/e2e/hold_thread.py" "$victim" < hold > held.txt &
holder=$!
exec 9> hold
if wait_until 30 'a thread that is held' eval "grep -q . held.txt" && grep -q held held.txt; then
    wait_until 60 'the loss of the stuck worker' happened run lost "\"pid\":$victim,\"why\":\"it sends beats, but has stood still" 1
    exec 9>&-
    wait $holder
    wait_until 60 'its return' happened run back "\"pid\":$victim" 1
else
    echo "# no ptrace here ($(cat held.txt)): a stuck process was not tried"
    exec 9>&-
fi
status=0
wait $launched || status=$?
[ $status = 0 ] || { cat run.txt; fail "the launch ended with $status"; }
refuse run/log.jsonl '"event":"account".*"(lost|twice)":[1-9]'
digest run
[ "$digest" = "$want" ] || fail "the run ended with $digest instead of $want"

# Thirty busy processes beside the run's: beats come late, and nobody is taken for dead.
rm -r run
start --set train.epochs=100000
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
kill -TERM $launched
status=0
wait $launched || status=$?
[ $status = 7 ] || { cat run.txt; fail "SIGTERM ended the launch with $status instead of 7"; }
