#!/bin/bash
# `sync` gives the same checkpoint, bit for bit, embedded and under mpirun, with 1, 2 and 3 servers and 1, 2 and 4 workers, over
# inproc, ipc and tcp, and by penstock launch.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
make_data
configure train.consistency=sync early_stop.every=2 optimizer.decay=0.5 eval.floors=false

penstock 0 train run.yaml --run constant --set optimizer.decay=1 --servers 1 --workers 1
penstock 0 train run.yaml --run embedded --servers 1 --workers 1
digest constant
constant=$digest
digest embedded
want=$digest
[ "$want" != "$constant" ] || fail 'optimizer.decay has no effect'
same() {
    same_digest "$1" "$want"
}

for shape in '1 4' '2 1' '3 2'; do
    penstock 0 train run.yaml --run "inproc-${shape/ /-}" --servers "${shape% *}" --workers "${shape#* }"
    same "inproc-${shape/ /-}"
done
for transport in ipc tcp; do
    for servers in 1 2 3; do
        for workers in 1 2 4; do
            name=$transport-$servers-$workers
            mpi $((1 + servers + workers)) train run.yaml --run "$name" --set cluster.servers=$servers \
                --set cluster.transport=$transport --quiet
            run 0 60 "${mpi[@]}"
            same "$name"
        done
    done
done
penstock 0 launch run.yaml --servers 2 --workers 2 --run launched
same launched

# Over ipc values pass through shared memory; without it they are sent.
mpi 5 train run.yaml --run sent --set cluster.servers=2 --set cluster.transport=ipc --set net.shared_memory=false --quiet
run 0 60 "${mpi[@]}"
same sent

# LZ4 is lossless; fp16 is a setting of the run, which changes the result in the same way everywhere.
penstock 0 train run.yaml --run lz4 --set net.compression=lz4 --servers 2
same lz4
penstock 0 train run.yaml --run half --set net.values=fp16 --servers 2 --workers 1
digest half
[ "$digest" != "$want" ] || fail 'net.values has no effect'
want=$digest
mpi 4 train run.yaml --run half-ipc --set net.values=fp16 --set cluster.servers=1 --quiet
run 0 60 "${mpi[@]}"
same half-ipc
