#!/bin/bash
# async under mpirun with 1, 2, 3 and more ranks; failures of one rank end the job with its exit code and one sentence.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
make_data
configure

for ranks in 1 2 3 6; do
    mpi $ranks train run.yaml --run "ranks-$ranks"
    run 0 60 "${mpi[@]}"
    expect out.txt '^  nmtr_neumf '
    expect "ranks-$ranks/metrics.json" '"epochs":2'
    digest "ranks-$ranks"
done

# More servers than ranks can be; a bad configuration; a dataset that is not there: one sentence, whatever the ranks.
fails() { # status, pattern, arguments
    mpi 3 train run.yaml --run never "${@:3}"
    run "$1" 60 "${mpi[@]}"
    expect err.txt "$2"
    [ "$(grep -c '^penstock: ' err.txt)" = 1 ] || { cat err.txt; fail 'more than one rank complains'; }
}
fails 2 'leave no worker among 3 ranks' --set cluster.servers=2
fails 2 'epocs is not a key' --set train.epocs=2
fails 3 'nowhere' --set data.path=nowhere

penstock 0 launch run.yaml --servers 2 --workers 2 --run launched
expect out.txt '^  nmtr_neumf '
penstock 2 launch run.yaml --servers 2 --workers 2 --run never --set train.epocs=2
