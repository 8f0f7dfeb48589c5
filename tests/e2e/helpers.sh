# helpers.sh - what the end-to-end tests share; sourced by each of them. tests/run starts a test in a throw-away folder
# of its own with PENSTOCK (the program), PENSTOCK_ROOT and PENSTOCK_DATA set, and ends what it leaves running.
#
# A test is a list of steps under set -eu: the first step that goes wrong ends it, with its name, what was expected and what
# came. Steps wait for conditions with a deadline; nothing sleeps for a guessed time.
# shellcheck shell=bash
set -eu

: "${PENSTOCK_ROOT:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${PENSTOCK:=$PENSTOCK_ROOT/bin/penstock}"
: "${PENSTOCK_DATA:=$PENSTOCK_ROOT/../shared/data}"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

skip() { # the reason is the log's last line, which tests/run shows
    echo "$*"
    exit 77
}

# need_data FOLDER: the real data's folder in $data, or the test is skipped.
need_data() {
    data=$PENSTOCK_DATA/$1
    [ -d "$data" ] || skip "PENSTOCK_DATA has no $1"
}

# run STATUS SECONDS COMMAND...: runs it with a time limit, expects the exit status; output in out.txt and err.txt.
run() {
    local want=$1 seconds=$2 status=0
    shift 2
    echo "+ $*"
    timeout -k 5 "$seconds" "$@" > out.txt 2> err.txt < /dev/null || status=$?
    [ "$status" = "$want" ] && return
    tail -n 20 out.txt err.txt
    case $status in 124 | 137) fail "'$*' did not end within $seconds s" ;; esac
    fail "'$*' ended with status $status instead of $want"
}

# penstock STATUS ARGUMENTS...: the program under test, with at most a minute (or $limit seconds).
penstock() {
    local want=$1
    shift
    run "$want" "${limit:-60}" "$PENSTOCK" "$@"
}

# expect FILE REGEX: an extended regular expression that a line of the file must match; refuse: that none may.
expect() {
    grep -qE -- "$2" "$1" && return
    tail -n 20 "$1"
    fail "no line of $1 matches: $2"
}
refuse() {
    if grep -nE -- "$2" "$1"; then fail "a line of $1 matches: $2"; fi
}
# expect_one_line FILE: an error is one sentence, not a page.
expect_one_line() {
    [ "$(wc -l < "$1")" = 1 ] && return
    cat "$1"
    fail "$1 has not exactly one line"
}

# wait_until SECONDS WHAT COMMAND...: polls until the command succeeds.
wait_until() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" > /dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || fail "waited in vain for: $what"
        sleep 0.05
    done
}

# mpi NP ARGUMENTS...: the words that start penstock under mpirun, as root and in a container too, into the array mpi.
mpi() {
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
    export OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader OMPI_MCA_orte_tmpdir_base=$PWD OMPI_MCA_mpi_yield_when_idle=1
    local np=$1
    shift
    mpi=(mpirun -q -np "$np" "$PENSTOCK" "$@")
}

# make_data [USERS ITEMS INTERACTIONS]: a dataset in ./data, small if nothing is said, with views, carts and purchases, and its log in
# log.tsv.
make_data() {
    penstock 0 synth --out log.tsv --users "${1:-400}" --items "${2:-250}" --interactions "${3:-16000}"
    penstock 0 prepare --out data --behaviours view,cart,buy log.tsv
}
# configure KEY=VALUE...: run.yaml for ./data: a small model, two epochs, in a few milliseconds.
configure() {
    local pair
    cat > run.yaml << YAML
data:
  path: data
model:
  embedding: 16
train:
  epochs: 2
  batch: 512
  lanes: 8
YAML
    sets=()
    for pair in "$@"; do sets+=(--set "$pair"); done
    penstock 0 config run.yaml "${sets[@]}"
    cp out.txt run.yaml
}
# digest RUN: of the state in its last checkpoint, into $digest: the same for the same rows, however many servers.
digest() {
    penstock 0 inspect --digest "$1/checkpoints/last"
    digest=$(cat out.txt)
    [ -n "$digest" ] || fail "$1 has no digest"
}
# same_digest RUN DIGEST: it must have come to that state.
same_digest() {
    digest "$1"
    [ "$digest" = "$2" ] || fail "$1 ended with $digest instead of $2"
}
# same_for_any_number MODEL: run.yaml with `sync` comes to the same state with one server and worker (run MODEL) as with several (MODEL-many).
same_for_any_number() {
    local want
    penstock 0 train run.yaml --run "$1" --set "model.name=$1" --servers 1 --workers 1
    digest "$1"
    want=$digest
    penstock 0 train run.yaml --run "$1-many" --set "model.name=$1" --servers 2 --workers 3
    mv out.txt trained.txt
    same_digest "$1-many" "$want"
}
# ranks_alike RUN MODEL: evaluate prints the figures that training has, whose output is in trained.txt.
ranks_alike() {
    expect trained.txt "^  $2 "
    grep "^  $2 " trained.txt > figures.txt
    penstock 0 evaluate "$1"
    grep "^  $2 " out.txt | cmp - figures.txt || fail "$2 of $1 ranks otherwise without servers"
}
