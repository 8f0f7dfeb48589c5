#!/bin/bash
# Who comes as a run ends, or was frozen when everybody was told, does not wait for a coordinator that is gone: RUN/state/ended says so.
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
make_data
configure train.epochs=100000 early_stop.patience=0 early_stop.every=100000 checkpoint.every=100000 eval.floors=false
coordinate run 1 2
join run server
server=$member
join run worker
other=$member
join run worker
wait_until 60 'the first epoch' trained run 1
cp -r run before

# Frozen, and thawed when the run is over: it ends as the others have.
kill -STOP "$member"
wait_until 60 'its loss' happened run '"event":"lost","role":"worker"'
kill -TERM "$job"
ended "$job" 7 run.txt
ended "$server" 7 run-members.txt
ended "$other" 7 run-members.txt
begin=$SECONDS
kill -CONT "$member"
ended "$member" 7 run-members.txt
[ $((SECONDS - begin)) -lt 30 ] || fail "the worker that thawed took $((SECONDS - begin)) s to end"

# Too late.
limit=20
penstock 4 join run
expect_one_line err.txt
expect err.txt 'the run in run has ended, with code 7; one that is to begin yet is waited for with --wait SECONDS'
penstock 4 join run --wait 0.5
expect err.txt 'no coordinator has appeared in run/state/coordinator for 0 s'

# It has found the meeting point of a coordinator that is no longer there.
sed -i 's|^endpoint: .*|endpoint: "tcp://127.0.0.1:1"|' before/state/coordinator
"$PENSTOCK" join before > late.txt 2>&1 &
member=$!
greets() { [ "$(find "/proc/$member/task" -mindepth 1 -maxdepth 1 | wc -l)" -gt 2 ]; }
wait_until 30 'its threads' greets
cp run/state/ended before/state
rm before/state/coordinator
ended $member 4 late.txt
expect late.txt 'the run has ended with code 7 before this process could join it'

# A run that is gone on with has not ended.
penstock 0 launch --resume run --servers 1 --workers 1 --set train.epochs="$(($(grep -c '"event":"epoch"' run/log.jsonl) + 1))"
