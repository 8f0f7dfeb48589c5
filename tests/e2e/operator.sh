#!/bin/bash
# penstock status and penstock scale: every process of a run with its state, stragglers named, workers that leave when there are to be
# fewer; only who can read the run's token is answered.
# time limit: 240
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
command -v python3 > /dev/null || skip 'there is no python3'
make_data 1500 600 60000
configure train.epochs=100000 train.negatives=15 model.embedding=32 early_stop.patience=0 early_stop.every=100000 \
    checkpoint.every=100000 eval.floors=false

launch run 2 3
wait_until 60 'the first epoch' trained run 1

field() { # python expression over the status s and its members by state: prints its value
    "$PENSTOCK" status --json run | python3 -c "
import json, sys
s = json.load(sys.stdin)
def of(role, *states): return [m for m in s['members'] if m['role'] == role and (not states or m['state'] in states)]
print($1)"
}
holds() { [ "$(field "$1")" = True ]; }
wait_until 60 'three workers at work' holds "len(of('worker', 'working')) == 3 and sum(m['lanes'] for m in of('worker')) == 8 - s['lanes_finished']"
wait_until 60 'rates' holds "s['samples_per_second'] > 0 and all(m['rows_per_second'] > 0 for m in of('server'))"
holds "[len(of('server', 'serving')), s['servers'], s['workers'], sum(m['slots'] for m in of('server'))] == [2, 2, 3, 1024]" ||
    fail "$("$PENSTOCK" status --json run)"
holds "all(m['last_seen'] < 60 and m['host'] and m['pid'] > 1 for m in s['members'])" || fail "$("$PENSTOCK" status --json run)"

penstock 0 status run
expect out.txt '^run: (training|ranking|checkpoint), epoch [0-9]+ of 100000, [0-9]+ %, [0-9]+ k samples/s; 2 servers, 3 workers, '
[ "$(grep -cE '^  (server|worker) ' out.txt)" = 5 ] || { cat out.txt; fail 'status does not show five processes'; }

# A stopped worker is silent and a straggler before it is taken for dead, and lost afterwards.
victim=$(field "of('worker')[0]['pid']")
kill -STOP "$victim"
silent() { "$PENSTOCK" status run > seen.txt && grep -qE "^straggler: worker, process $victim on [^ ]+: no sign of life for [0-9.]+ s" seen.txt; }
wait_until 30 'a straggler' silent
wait_until 60 'its loss' holds "len(of('worker', 'lost')) == 1 and s['workers'] == 2"
kill -KILL "$victim"

penstock 0 scale run --workers 2
expect out.txt '^0 of 2 workers leave$'
penstock 0 scale run --workers 5
expect out.txt "^2 of 5 workers are there; the others are started with 'mpirun -np 3 penstock join RUN'$"
penstock 0 scale run --workers 1
expect out.txt '^1 of 2 workers leave$'
wait_until 60 'one worker to leave' holds "len(of('worker', 'left')) == 1 and s['workers'] == 1"
wait_until 60 'the other to have all lanes' holds "of('worker', 'working') and of('worker', 'working')[0]['lanes'] + s['lanes_finished'] == 8"
expect run/log.jsonl '"event":"leaving",.*"why":"scale"'
penstock 2 scale run
expect err.txt 'give the folder of a running job and --workers N'

# Who has no token, or another one, gets nothing.
[ "$(stat -c %a run/keys/token)" = 600 ] || fail "run/keys/token has mode $(stat -c %a run/keys/token)"
cp run/keys/token kept
echo 0123456789abcdef0123456789abcdef > run/keys/token
penstock 2 status run
expect err.txt 'the coordinator refuses: this is not the token of its run'
penstock 2 scale run --workers 0
rm run/keys/token
penstock 5 status run
expect err.txt 'only who can read run/keys/token may ask this run: No such file'
cp kept run/keys/token
penstock 0 status run
expect out.txt '2 servers, 1 workers'
expect out.txt '^refused: [1-9][0-9]* connections or messages of strangers, by the coordinator and the servers$'
expect run/log.jsonl '"event":"refused","why":"a question without the token of this run"'

# --watch ends with the run, and so does everything else.
"$PENSTOCK" status --watch run > watched.txt 2>&1 &
watching=$!
wait_until 30 'two looks' eval '[ "$(grep -c "^run: " watched.txt)" -ge 2 ]'
kill -TERM $job
ended $job 7 run.txt
ended $watching 4 watched.txt
penstock 4 status run
expect err.txt '^penstock: no coordinator is at work in run$'
[ ! -e run/keys/token ] || fail 'run/keys/token is left behind'
