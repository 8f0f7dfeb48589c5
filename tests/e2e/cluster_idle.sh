#!/bin/bash
# Nobody waits busily: a coordinator, a server and a worker that wait for a member, and a coordinator and a server whose workers
# have stopped, use no more than 2 % of a core.
# time limit: 120
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
make_data
configure train.epochs=1000000 train.batch=64 early_stop.patience=0 early_stop.every=1000000 checkpoint.every=1000000 \
    eval.floors=false cluster.member_timeout=30

ticks() { # of a process, in user and system mode, with all its threads
    local stat
    stat=$(cat "/proc/$1/stat")
    # The second field, the program's name in parentheses, may hold blanks.
    echo "${stat##*) }" | cut -d ' ' -f 12,13 | tr ' ' +
}
now() { echo "${EPOCHREALTIME/[.,]/}"; } # microseconds
elapsed() { [ $(($(now) - $1)) -ge "$2" ]; }
idle() { # what it waits for, processes: watched for three seconds
    local pid i=0 used begin=()
    for pid in "${@:2}"; do begin+=($(($(ticks "$pid")))); done
    wait_until 10 'three seconds to pass' elapsed "$(now)" 3000000
    for pid in "${@:2}"; do
        used=$(($(ticks "$pid") - begin[i++]))
        # 100 ticks are a second of one core (USER_HZ).
        [ $used -le 6 ] || fail "process $pid ($(tr '\0' ' ' < "/proc/$pid/cmdline")) has used $used ticks in 3 s waiting for $1"
    done
}

coordinate run 1 2
wait_until 30 'the meeting point' test -e run/state/coordinator
join run server
server=$member
join run worker
worker=$member
wait_until 30 'two members' happened run '"event":"member"' 2
idle 'the second worker' $job $server $worker

join run worker
second=$member
wait_until 30 'two epochs' trained run 2
kill -STOP $worker $second
idle 'stopped workers' $job $server
kill -CONT $worker $second
kill -TERM $job
ended $job 7 run.txt
wait $server $worker $second || true
