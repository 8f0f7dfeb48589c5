#!/bin/bash
# A sync run is the same to the last bit only where all compute with the same matrix kernels: a worker with others is refused, with
# one sentence at every member, and an async run takes it.
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
[ "$(uname -m)" = x86_64 ] || skip "the kernels named here are those of x86-64"
make_data
start() { # run: a coordinator that waits for one server and one worker, and the server
    coordinate "$1" 1 1
    join "$1" server
}
configure train.consistency=sync
start strict
OPENBLAS_CORETYPE=Prescott penstock 2 join strict
expect_one_line err.txt
expect err.txt "OpenBLAS kernels 'Prescott'.*OPENBLAS_CORETYPE"
ended $job 2 strict.txt
ended $member 2 strict-members.txt
expect strict.txt "OpenBLAS kernels 'Prescott'"
configure train.consistency=async
start loose
OPENBLAS_CORETYPE=Prescott penstock 0 join loose
ended $job 0 loose.txt
ended $member 0 loose-members.txt
