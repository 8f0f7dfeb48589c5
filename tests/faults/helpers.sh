# helpers.sh - what the scenarios of tests/faults share; sourced by each of them. tests/faults/run starts a scenario in a folder of its
# own, once for each way of consistency, with
#   mode          sync or async
#   FAULTS_BASE   a folder with a small dataset, run.yaml, inject.so and, as they are asked for, digests of undisturbed runs
# A scenario starts a job of real processes, lets something happen to it (inject.c makes it happen at an exact point), waits for the
# end, and says what must be true then. Waits poll with a deadline.
# shellcheck shell=bash disable=SC2154
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/helpers.sh"

servers=2 workers=2 epochs=3
patience=60 # seconds that a scenario waits for one event
rules=()
also=() # arguments of the job, and of the undisturbed one that its result is compared with
mkdir -p inject

# fault ROLE POINT N ACTION: a rule of inject.c, for what is started from here on. The first is rule 0.
fault() { rules+=("$*"); }

injected() { # COMMAND...: replaces this subshell
    local IFS=';'
    INJECT="${rules[*]}" INJECT_FOLDER=$PWD/inject LD_PRELOAD=$FAULTS_BASE/inject.so exec "$@"
}

# start ARGUMENTS...: launches the job `run` in the background; its output goes to run.txt.
start() {
    local arguments=("$FAULTS_BASE/run.yaml" --run run --set train.consistency="$mode" --set train.epochs="$epochs" "${also[@]}" "$@")
    if [ -e hosts ]; then
        arguments+=(--hosts hosts --agent "$lab_agent")
    else
        arguments+=(--servers "$servers" --workers "$workers")
    fi
    echo "+ launch ${arguments[*]}  # ${rules[*]}"
    (injected "$PENSTOCK" launch "${arguments[@]}") > run.txt 2>&1 &
    launched=$!
}
# on_hosts: the scenario starts anew inside the lab (tests/lab), and its job is spread over hosts: the coordinator on c1, a server each on
# s1 and s2, a worker each on w1 and w2.
on_hosts() {
    . "$PENSTOCK_ROOT/tests/lab/lab.sh"
    lab_enter "$0" || skip 'no network namespaces can be made here: unshare -rnm, or /dev/net/tun, is refused'
    lab_switch=$FAULTS_BASE/switch
    lab_up c1 s1 s2 w1 w2 || fail 'the lab does not come up'
    printf '%s\n' "c1 coordinator 1 $(lab_address c1)" "s1 server 1 $(lab_address s1)" "s2 server 1 $(lab_address s2)" \
        'w1 worker 1' 'w2 worker 1' > hosts
}
# on_host NAME: the processes of the run on that host.
on_host() { ip netns pids "$1"; }
# join NAME ARGUMENTS...: one more member in the background, by an mpirun of its own; its output goes to NAME.txt, its mpirun is $joined.
join() {
    local name=$1
    shift
    mpi 1 join run "$@"
    (injected "${mpi[@]}") > "$name.txt" 2>&1 &
    joined=$!
}

# late_worker: the job, and another worker that joins while rule 0 holds it.
late_worker() {
    start
    fired 0
    join late
    event '"event":"member","role":"worker"' $((workers + 1))
}
# late_server ARGUMENTS...: the job, and another server that joins in its second epoch, until rule 0 has fired.
late_server() {
    # shellcheck disable=SC2034
    epochs=20 # time to join
    start "$@"
    event '"event":"epoch","epoch":1,'
    join late --as server
    fired 0
}
# one_left: the job with replicas, whose first server is killed in its second epoch; the other one goes on alone.
one_left() {
    # shellcheck disable=SC2034
    epochs=40 # time to join, and to be noticed as lost
    start --set servers.replicas=1
    event '"event":"epoch","epoch":1,'
    kill -KILL "$(pids server | head -n 1)"
    event '"event":"promoted"'
}
late_ends_well() { wait "$joined" || fail "the member that joined ended badly: $(cat late.txt)"; }
# worker_away cable|hole: the link of w1 is cut so in the middle of training, until the worker there is taken for dead; then it is whole again,
# and the worker is back.
worker_away() {
    local whole=0
    [ "$1" = hole ] || whole=1
    fault server recv:PUSH 100 HOLD # until the link is cut
    fault server recv:PUSH 500 HOLD # so that the run is not over too soon
    start
    fired 0
    lab_link w1 "$1" $((1 - whole))
    release 0
    event '"event":"lost","role":"worker","host":"w1"'
    fired 1
    lab_link w1 "$1" "$whole"
    event '"event":"back","role":"worker","host":"w1"'
}

# ids_come_and_go: the job begins warm on half of the users of the run before it, so that rows of the others go as its second epoch begins, and most
# ids are seen for a while before they have a row.
ids_come_and_go() {
    (
        flock 9
        [ -e "$FAULTS_BASE/before" ] && exit
        "$PENSTOCK" train "$FAULTS_BASE/run.yaml" --run "$FAULTS_BASE/before.new" --set train.epochs=1 --set train.consistency=sync \
            --set servers.admit_after=2 --quiet > /dev/null
        mv "$FAULTS_BASE/before.new" "$FAULTS_BASE/before"
    ) 9> "$FAULTS_BASE/before.lock"
    # shellcheck disable=SC2034
    also=(--set data.path="$FAULTS_BASE/later" --set train.warm_start="$FAULTS_BASE/before" --set servers.admit_after=4
        --set servers.evict_after=1)
}
# gone_once: in the second epoch, and in no other, rows have gone, and ids have waited and been admitted.
gone_once() {
    expect run/log.jsonl '"event":"ids","epoch":2,"rows":[1-9][0-9]*,"waiting":[1-9][0-9]*,"admitted":[0-9]+,"evicted":[1-9]'
    refuse run/log.jsonl '"event":"ids","epoch":(1|[3-9]|1[0-9]),.*"evicted":[1-9]'
}

# fired I: waits until rule I has fired; $pid is the process.
fired() {
    local waited=$SECONDS
    until [ -s "inject/fired-$1" ]; do
        over && { cat run.txt; fail "the run was over before rule $1 (${rules[$1]}) fired"; }
        [ $((SECONDS - waited)) -lt "$patience" ] || fail "rule $1 (${rules[$1]}) has not fired"
        sleep 0.02
    done
    pid=$(cat "inject/fired-$1")
}
release() { touch "inject/release-$1"; }

# event REGEX [COUNT]: waits until that many lines of the run's log match it.
event() {
    local waited=$SECONDS
    until has_event "$@"; do
        over && { cat run.txt; fail "the run was over before its log had: $*"; }
        [ $((SECONDS - waited)) -lt "$patience" ] || fail "waited in vain for the run's log to have: $*"
        sleep 0.02
    done
}
has_event() { [ -e run/log.jsonl ] && [ "$(grep -cE -- "$1" run/log.jsonl)" -ge "${2:-1}" ]; }

pids() { # ROLE: of the run's members, in the order in which they came
    sed -n "s/.*\"event\":\"member\",\"role\":\"$1\".*\"pid\":\([0-9]*\).*/\1/p" run/log.jsonl
}
coordinator() { sed -n 's/^pid: //p' run/state/coordinator; }
dead() { # PID: it is gone, or waits to be collected
    ! grep -q '^State:.[^Z]' "/proc/$1/status" 2> /dev/null
}
over() { dead "$launched"; }

# ends CODE: the job must end within the patience, with this exit code (or one of several, in quotes).
ends() {
    local status=0
    wait_until $((patience * 2)) 'the end of the job' over
    wait "$launched" || status=$?
    [[ " $1 " == *" $status "* ]] || { cat run.txt; fail "the job ended with $status instead of $1"; }
}
# kill_launch: kills the launching process; every other process must end by itself.
kill_launch() {
    local all each
    all=$(coordinator; pids server; pids worker)
    kill -KILL "$launched"
    ends 137
    for each in $all; do wait_until "$patience" "the end of process $each" dead "$each"; done
}
# resume ARGUMENTS...: goes on from the last checkpoint, without any fault, and must come to its end.
resume() {
    rules=()
    limit=$((patience * 2)) penstock 0 launch --resume run --servers "$servers" --workers "$workers" "$@"
}

# whole: every epoch has its account, and the last one of each says that every server has applied each micro-batch once.
whole() {
    local epoch row applied=0 repeated=0
    for epoch in $(seq "$epochs"); do
        row=$(grep "\"event\":\"account\",\"epoch\":$epoch," run/log.jsonl | tail -n 1)
        [[ $row =~ \"expected\":([1-9][0-9]*),\"applied\":([0-9]+),\"repeated\":([0-9]+),\"lost\":0,\"twice\":0} ]] ||
            fail "the account of epoch $epoch is not whole: $row"
        [ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ] || fail "not all of epoch $epoch is applied: $row"
        applied=$((applied + BASH_REMATCH[2]))
    done
    refuse run/log.jsonl '"event":"account".*"(lost|twice)":[1-9]'
    repeated=$(sed -n 's/.*"event":"account".*"repeated":\([0-9]*\).*/\1/p' run/log.jsonl | awk '{n += $1} END {print n}')
    echo "$applied $repeated" > account.txt
}
# counted: the report counts the samples of each epoch once.
counted() {
    local samples accounts want
    [[ $(cat run/metrics.json) =~ \"samples\":([0-9]+),.*\"account\":\{\"epochs\":([0-9]+), ]] || fail 'metrics.json has no samples'
    samples=${BASH_REMATCH[1]} accounts=${BASH_REMATCH[2]}
    want=$(sed -n 's/.*"event":"epoch","epoch":\([0-9]*\),.*"samples":\([0-9]*\),.*/\1 \2/p' run/log.jsonl | sort -u | awk '{n += $2} END {print n}')
    [ "$samples/$accounts" = "$want/$epochs" ] || fail "metrics.json counts $samples samples and $accounts epochs instead of $want and $epochs"
}
# same: in sync mode the last checkpoint is that of a run that nothing has disturbed, with another number of processes.
same() {
    [ "$mode" = sync ] || return 0
    local calm
    calm=$FAULTS_BASE/calm-$epochs-$(echo "${also[*]}" | cksum | tr -d ' ')
    (
        flock 9
        [ -e "$calm.txt" ] && exit
        "$PENSTOCK" train "$FAULTS_BASE/run.yaml" --set train.consistency=sync --set train.epochs="$epochs" \
            --servers 1 --workers 1 --run "$calm" --quiet "${also[@]}" > /dev/null
        "$PENSTOCK" inspect --digest "$calm/checkpoints/last" > "$calm.new"
        mv "$calm.new" "$calm.txt"
    ) 9> "$calm.lock"
    digest run
    [ "$digest" = "$(cat "$calm.txt")" ] || fail "the run ended with $digest instead of $(cat "$calm.txt")"
}
# survived: the job has ended well by itself, with all that was promised.
survived() {
    ends 0
    whole
    counted
    same
}
