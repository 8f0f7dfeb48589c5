#!/bin/bash
# A sync run is the same to the last bit only where all compute with the same matrix kernels: a worker with others is refused, with
# one sentence at every member, and an async run takes it.
. "$(dirname "$0")/helpers.sh"
[ "$(uname -m)" = x86_64 ] || skip "the kernels named here are those of x86-64"
make_data
start() { # run: a coordinator that waits for one server and one worker, and the server
    "$PENSTOCK" train run.yaml --coordinate --servers 1 --workers 1 --run "$1" > "$1.txt" 2>&1 &
    coordinator=$!
    "$PENSTOCK" join --as server "$1" > "$1-server.txt" 2>&1 &
    server=$!
}
ended() { # process, status
    local status=0
    wait "$1" || status=$?
    [ "$status" = "$2" ] || fail "a member ended with $status instead of $2"
}
configure train.consistency=sync
start strict
OPENBLAS_CORETYPE=Prescott penstock 2 join strict
expect_one_line err.txt
expect err.txt "OpenBLAS kernels 'Prescott'.*OPENBLAS_CORETYPE"
ended $coordinator 2
ended $server 2
expect strict.txt "OpenBLAS kernels 'Prescott'"
configure train.consistency=async
start loose
OPENBLAS_CORETYPE=Prescott penstock 0 join loose
ended $coordinator 0
ended $server 0
