#!/bin/bash
# Who can reach a run, and how: it listens on the loopback interface unless told otherwise, its ipc sockets lie in a folder of mode 0700,
# workers join by folder and by address, and who cannot reach it is told at once which setting to change.
# time limit: 240
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
limit=60
make_data
configure train.epochs=100000 early_stop.patience=0 early_stop.every=100000 checkpoint.every=100000 eval.floors=false
cp -r data elsewhere

listening() { # process: addresses that it listens on, as in /proc/net/tcp
    local inodes
    inodes=$(find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n')
    awk 'NR == FNR { mine[$1]; next } $4 == "0A" && $10 in mine { sub(":.*", "", $2); print $2 }' \
        <(echo "$inodes") "/proc/$1/net/tcp" "/proc/$1/net/tcp6" | sort -u
}
endpoint() { sed -n 's/^endpoint: "\(.*\)"/\1/p' "$1/state/coordinator"; }
interrupt() { # the launch of a run ends with 7
    kill -INT "$job"
    ended "$job" 7 "$1.txt"
}

# Over ipc: nobody else can even look into the folder.
launch local 1 1
wait_until 60 'the first epoch' trained local 1
folder=$(endpoint local)
folder=${folder#ipc://}
folder=${folder%/*}
[ "$(stat -c %a "$folder")" = 700 ] || fail "the sockets' folder has mode $(stat -c %a "$folder")"
# A process of another host, which sees RUN on a shared file system.
mkdir -p remote/state
sed 's/^host: .*/host: "elsewhere"/' local/state/coordinator > remote/state/coordinator
penstock 4 join remote
expect_one_line err.txt
expect err.txt 'only its own host elsewhere can reach, and this is .*cluster.transport: tcp and with cluster.interface'
interrupt local
[ ! -e "$folder" ] || fail 'the folder of the sockets is left behind'

# Over tcp: the loopback interface, for the coordinator and the server.
launch tcp 1 1 --set cluster.transport=tcp
wait_until 60 'the first epoch' trained tcp 1
coordinator=$(sed -n 's/^pid: //p' tcp/state/coordinator)
for process in "$coordinator" "$(pids tcp server)"; do
    [ "$(listening "$process")" = 0100007F ] || fail "process $process listens on: $(listening "$process")"
done
# What speaks no ZeroMQ there is refused and counted, at both.
for process in "$coordinator" "$(pids tcp server)"; do
    for ((i = 0; i < 3; i++)); do garbage "$(port_of "$process")"; done
done
refused() { "$PENSTOCK" status tcp > status.txt && grep -qE "^refused: $1" status.txt; }
wait_until 30 'the refusals of the server' refused "server, process $(pids tcp server) on [^ ]+: 3 connections or messages of strangers"
wait_until 30 'all refusals' refused '6 connections or messages of strangers, by the coordinator and the servers'
expect tcp.txt 'somebody who is no member of this run tries to connect'
sed 's/^host: .*/host: "elsewhere"/' tcp/state/coordinator > remote/state/coordinator
penstock 4 join remote
expect err.txt 'listens on tcp://127.0.0.1:[0-9]+, which only its own host elsewhere can reach'
# By address, with a copy of the dataset at another place.
"$PENSTOCK" join "$(endpoint tcp)" --data elsewhere > joined.txt 2>&1 &
member=$!
wait_until 60 'the worker that joins by address' joined tcp worker 2
penstock 3 join "$(endpoint tcp)" --data nowhere
expect err.txt 'nowhere holds no prepared dataset'
wait_until 30 'the run to go on without it' happened tcp '"event":"lost","role":"worker".*nowhere holds no'
interrupt tcp
ended $member 7 joined.txt

penstock 4 join tcp://127.0.0.1:1 --wait 1
expect_one_line err.txt
expect err.txt 'nobody listens at tcp://127.0.0.1:1, tried for 1 s.*Without cluster.interface that is its own host only'
"$PENSTOCK" train run.yaml --run alone > alone.txt 2>&1 &
job=$!
wait_until 60 'the first epoch' trained alone 1
penstock 4 join alone
expect err.txt 'alone runs in one process, which nobody can join; start it by .penstock launch.'
interrupt alone

# Several hosts: an address must be named.
printf '%s\n' 'one coordinator 1 127.0.0.1' 'two server 1' 'two worker 1' > hosts
penstock 2 launch run.yaml --hosts hosts --agent false --run never
expect_one_line err.txt
expect err.txt 'the server on two would listen on 127.0.0.1, where no other host can reach it; add an ADDRESS of two .* cluster.interface'
penstock 4 train run.yaml --coordinate --run strange --set cluster.transport=tcp --set cluster.interface=nosuch0
expect err.txt 'neither such an address nor a network interface of that name; check cluster.interface'
# The same for the ranks of one mpirun, one of which has another host's name and comes by MPI as it would from there.
if unshare -Uru true 2> err.txt; then
    cat > rank << 'SH'
#!/bin/sh
export OMPI_COMM_WORLD_LOCAL_SIZE=1
[ "$OMPI_COMM_WORLD_RANK" = 0 ] && exec "$@"
exec unshare -Uru sh -c 'hostname two && exec "$@"' rank "$@"
SH
    chmod +x rank
    mpi 3 train run.yaml --run never
    export OMPI_MCA_btl=self,tcp # no memory is shared with another host
    for ((try = 0; try < 3; try++)); do # Open MPI's early finalisation is a race that it loses now and then (src/common/boot.h)
        status=0
        timeout -k 5 60 "${mpi[@]:0:4}" ./rank "${mpi[@]:4}" > out.txt 2> err.txt || status=$?
        # (and a rank's last words may be lost when mpirun ends at once)
        [ $status = 2 ] && [ -s err.txt ] && break
    done
    [ $status = 2 ] || { cat err.txt; fail "ranks on several hosts ended with $status"; }
    expect err.txt 'the ranks are on several hosts, and with cluster.interface: 127.0.0.1 .* --set cluster.interface=eth0'
else
    echo "not tried, since no host name can be made here: $(cat err.txt)"
fi
