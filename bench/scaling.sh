#!/bin/bash
# How training scales with the number of workers, each on a host of its own with a fixed share of a processor.
#   bench/scaling.sh
# One machine plays the hosts: a worker's processes are in a cgroup with a quota of QUOTA cores (default 0.2), so that 8 of them need
# 1.6 cores; the coordinator and the servers have what is left, without a quota. Links are tcp. WORKERS ("1 2 4 8"), MODES ("sync async"),
# SERVERS (1), MODEL (nmtr_neumf), EMBEDDING (64), BATCH (4096), INTERACTIONS (400000) and SECONDS_EACH (20, after a first epoch
# that warms up) may be set. For each number it prints samples/s, the ratio to the first, and what was used: of the workers' quota, and cores by the servers.
# Workers at 100 % of their quota are what bounds it: adding workers helps. Below that they wait for the servers, for the network, or
# in sync mode for each other.
#
# Wants the cpu controller of cgroups (version 1 or 2), writable. The machine must have nothing else to do.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
: "${PENSTOCK:=$root/bin/penstock}" "${QUOTA:=0.2}" "${WORKERS:=1 2 4 8}" "${MODES:=sync async}" "${SERVERS:=1}" "${MODEL:=nmtr_neumf}"
: "${EMBEDDING:=64}" "${BATCH:=4096}" "${INTERACTIONS:=400000}" "${SECONDS_EACH:=20}"
folder=$(mktemp -d)
name=penstock-scaling-$$
group() { # HOST FILE [CONTROLLER]: a file of a host's group, in version 1 (there is one for each controller) or 2
    if [ -d /sys/fs/cgroup/cpu ]; then echo "/sys/fs/cgroup/${3:-cpu}/$name/$1/$2"; else echo "/sys/fs/cgroup/$name/$1/$2"; fi
}
make_host() { # HOST [CORES]
    local controller
    for controller in cpu cpuacct; do
        mkdir -p "$(dirname "$(group "$1" x $controller)")" 2> /dev/null ||
            { echo 'the cpu controller of cgroups cannot be written here' >&2; exit 77; }
    done
    [ $# = 1 ] && return
    local period=20000 # short, so that a pause for the quota is no longer than a step
    if [ -d /sys/fs/cgroup/cpu ]; then
        echo $period > "$(group "$1" cpu.cfs_period_us)"
        awk -v q="$2" -v p=$period 'BEGIN {printf "%d\n", q * p}' > "$(group "$1" cpu.cfs_quota_us)"
    else
        echo +cpu > "/sys/fs/cgroup/$name/cgroup.subtree_control"
        awk -v q="$2" -v p=$period 'BEGIN {printf "%d %d\n", q * p, p}' > "$(group "$1" cpu.max)"
    fi
}
used() { # HOST...: microseconds of processor time
    local host sum=0
    for host in "$@"; do
        if [ -d /sys/fs/cgroup/cpu ]; then
            sum=$((sum + $(cat "$(group "$host" cpuacct.usage cpuacct)") / 1000))
        else
            sum=$((sum + $(sed -n 's/^usage_usec //p' "$(group "$host" cpu.stat)")))
        fi
    done
    echo $sum
}
finish() {
    local path
    [ -z "${launched:-}" ] || kill -KILL "$launched" 2> /dev/null || true
    sleep 1
    for path in /sys/fs/cgroup/{cpu,cpuacct,.}/"$name"; do
        [ ! -d "$path" ] || find "$path" -depth -type d -exec rmdir {} + 2> /dev/null || true
    done
    rm -rf "$folder"
}
trap finish EXIT

# The agent that launch runs in place of ssh: the command goes into the host's group.
cat > "$folder/agent" << SH
#!/bin/sh
host=\$1
shift
for file in $(group '"$host"' cgroup.procs cpu | sort -u) $(group '"$host"' cgroup.procs cpuacct); do echo \$\$ > "\$file"; done
exec sh -c "\$*"
SH
chmod +x "$folder/agent"
make_host servers
cd "$folder"
"$PENSTOCK" synth --out log.tsv --users 20000 --items 5000 --interactions "$INTERACTIONS" > /dev/null
"$PENSTOCK" prepare --out data --behaviours view,cart,buy log.tsv > /dev/null
printf 'data:\n  path: %s/data\n' "$folder" > run.yaml

now() { echo "${EPOCHREALTIME/[.,]/}"; }
progress() { sed -n 's/.*"event":"epoch".*"samples":\([0-9]*\).*/\1/p' run/log.jsonl 2> /dev/null | awk '{n += $1} END {print n + 0}'; }
epochs() { sed -n '/"event":"epoch"/p' run/log.jsonl 2> /dev/null | wc -l; }
await_epoch() { # after the number $1 of epochs; sets $at and the processor times there
    until [ "$(epochs)" -gt "$1" ]; do
        kill -0 $launched 2> /dev/null || { cat run.txt; exit 1; }
        sleep 0.02
    done
    at=$(now) done_samples=$(progress) server_us=$(used servers) worker_us=$(used "${hosts[@]}")
}
measure() { # MODE COUNT
    local i lanes=64 begin
    [ "$1" = sync ] && lanes=8
    hosts=()
    printf '%s\n' 'servers coordinator 1 127.0.0.1' "servers server $SERVERS 127.0.0.1" > hosts
    for ((i = 0; i < $2; i++)); do
        make_host "worker$i" "$QUOTA"
        hosts+=("worker$i")
        echo "worker$i worker 1" >> hosts
    done
    rm -rf run
    "$PENSTOCK" launch run.yaml --hosts hosts --agent ./agent --run run --set train.consistency="$1" --set train.lanes=$lanes \
        --set train.batch="$BATCH" --set train.epochs=1000 --set model.name="$MODEL" --set model.embedding="$EMBEDDING" --set early_stop.every=1000 \
        --set early_stop.patience=0 --set checkpoint.every=1000 --set eval.floors=false --set cluster.start_timeout=300 > run.txt 2>&1 &
    launched=$!
    await_epoch 0
    begin=$at
    local samples=$done_samples servers_at=$server_us workers_at=$worker_us
    until [ $((at - begin)) -ge $((SECONDS_EACH * 1000000)) ]; do await_epoch "$(epochs)"; done
    local rate
    rate=$(awk -v n=$((done_samples - samples)) -v us=$((at - begin)) 'BEGIN {printf "%.0f", n / us * 1e6}')
    first=${first:-$rate}
    awk -v mode="$1" -v n="$2" -v rate="$rate" -v first="$first" -v w=$((worker_us - workers_at)) -v s=$((server_us - servers_at)) \
        -v us=$((at - begin)) -v q="$QUOTA" 'BEGIN {
            printf "| %s | %d | %.0f | %.2f | %.0f %% | %.2f |\n", mode, n, rate / 1e3, rate / first, 100 * w / us / q / n, s / us }'
    kill -KILL $launched
    wait $launched 2> /dev/null || true
    launched=
    for ((i = 0; i < 200; i++)); do # by the deaths of their parents they end as well
        [ -z "$(cat "$(group servers cgroup.procs)")" ] && break
        sleep 0.1
    done
}
echo "# $MODEL, E = $EMBEDDING, batch $BATCH, $SERVERS server(s), workers of $QUOTA core"
echo '| consistency | workers | k samples/s | ratio | of their quota used | cores used by coordinator and servers |'
echo '|---|---|---|---|---|---|'
for mode in $MODES; do
    first=
    for count in $WORKERS; do measure "$mode" "$count"; done
done
