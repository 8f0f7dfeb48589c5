#!/bin/bash
# The figures of docs/reliability.md, measured over real processes of one host.
#   bench/reliability.sh [ROUNDS]       ROUNDS (5): how often each death is measured; the median and the worst are printed
# Times are those of the run's own log (docs/protocol.md): `silent` from the last beat to the finding, `seconds` of a handover from the
# finding to the new holder's first push (after a promotion: to each lane's first push), of a newcomer from its greeting to its first push, of a rollback from the loss to the RESUME.
# The machine should have nothing else to do.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
export PENSTOCK=${PENSTOCK:-$root/bin/penstock} OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
rounds=${1:-5}
folder=$(mktemp -d)
launched=
finish() { [ -z "$launched" ] || kill -KILL "$launched" 2> /dev/null || true; sleep 1; rm -rf "$folder"; }
trap finish EXIT
cd "$folder"
"$PENSTOCK" synth --out log.tsv --users 20000 --items 5000 --interactions 600000 > /dev/null
"$PENSTOCK" prepare --out data --behaviours view,cart,buy log.tsv > /dev/null
printf 'data:\n  path: %s/data\ntrain:\n  epochs: 100000\nearly_stop:\n  patience: 0\n  every: 100000\neval:\n  floors: false\n' "$folder" > run.yaml
await() { # PATTERN COUNT
    local deadline=$((SECONDS + 120))
    until [ "$(sed -n "/$1/p" run/log.jsonl 2> /dev/null | wc -l)" -ge "$2" ]; do
        [ $SECONDS -lt $deadline ] && kill -0 "$launched" || { cat run.txt; exit 1; }
        sleep 0.02
    done
}
count() { sed -n "/$1/p" run/log.jsonl | wc -l; }
start() { # SERVERS WORKERS ARGUMENTS...
    rm -rf run
    "$PENSTOCK" launch run.yaml --servers "$1" --workers "$2" --run run "${@:3}" > run.txt 2>&1 &
    launched=$!
    await '"event":"epoch"' 2
}
end() {
    kill -TERM "$launched"
    wait "$launched" || true
    launched=
}
live() { sed -n "s/.*\"event\":\"member\",\"role\":\"$1\".*\"pid\":\([0-9]*\).*/\1/p" run/log.jsonl | while read -r pid; do
    grep -qs '^State:.[^Z]' "/proc/$pid/status" && echo "$pid"; done; }
figures() { # WHAT EVENT-PATTERN FIELD [FACTOR UNIT]
    sed -n "/$2/s/.*\"$3\":\([0-9.e-]*\).*/\1/p" run/log.jsonl | sort -g |
        awk -v what="$1" -v f="${4:-1}" -v unit="${5:-s}" '{v[NR] = $1} END {if (NR) printf "| %s | %.3f %s | %.3f %s | %d |\n", what,
            f * v[int((NR + 1) / 2)], unit, f * v[NR], unit, NR; else printf "| %s | - | - | 0 |\n", what}'
}
echo '| what | median | worst | times |'
echo '|---|---|---|---|'
start 2 3
for ((i = 1; i <= rounds; i++)); do
    kill -KILL "$(live worker | head -n 1)"
    await '"event":"lost","role":"worker"' "$i"
    have=$(count '"event":"working"')
    mpirun -q --oversubscribe --bind-to none -np 1 "$PENSTOCK" join run > joined.txt 2>&1 &
    await '"event":"working"' $((have + 1))
done
figures 'SIGKILL of a worker, until it is noticed' '"event":"lost","role":"worker"' silent
figures 'then, until a lane of its is worked on elsewhere' '"event":"handover".*"why":"lost"' seconds
figures 'a worker greets, until its first push' '"event":"working"' seconds
figures 'a checkpoint at the end of an epoch' '"event":"checkpoint"' seconds
figures 'longest pause of a request in it' '"event":"checkpoint"' pause 1000 ms
end
# A server that stands by is there before the other one dies: without it the run would wait servers.wait seconds for one.
start 2 2
for ((i = 1; i <= rounds; i++)); do
    mpirun -q --oversubscribe --bind-to none -np 1 "$PENSTOCK" join run --as server > joined.txt 2>&1 &
    await '"event":"member","role":"server"' $((2 + i))
    kill -KILL "$(live server | head -n 1)"
    await '"event":"rollback"' "$i"
done
figures 'SIGKILL of a server, until it is noticed' '"event":"lost","role":"server"' silent
figures 'then, until all go on (no replica, another server stands by)' '"event":"rollback"' seconds
end
# With replicas: the one that dies has the shards, another one has taken in the copies.
start 2 2 --set servers.replicas=1
for ((i = 1; i <= rounds; i++)); do
    await '"event":"replica".*"state":"synced"' $((2 * i))
    kill -KILL "$(live server | head -n 1)"
    await '"event":"promoted"' $((2 * i - 1))
    mpirun -q --oversubscribe --bind-to none -np 1 "$PENSTOCK" join run --as server > joined.txt 2>&1 &
done
await '"event":"replica".*"state":"synced"' $((2 * rounds + 2))
figures 'SIGKILL of a server with a replica, until it is noticed' '"event":"lost","role":"server"' silent
figures 'then, until a lane goes on with the replica' '"event":"handover".*"why":"promoted"' seconds
end
# What a replica costs: the same job with and without, in turn.
speed() { # ARGUMENTS...: samples a second into $speed, the median of four epochs after the first two
    start 2 2 "$@"
    await '"event":"epoch"' 6
    end
    speed=$(sed -n 's/.*"event":"epoch".*"samples_per_second":\([0-9]*\).*/\1/p' run/log.jsonl | sed -n 3,6p | sort -n | sed -n 2p)
}
: > ratios.txt
for ((i = 1; i <= rounds; i++)); do
    speed
    alone=$speed
    speed --set servers.replicas=1
    awk "BEGIN {print $speed / $alone}" >> ratios.txt
done
sort -gr ratios.txt | awk '{v[NR] = $1} END {printf "| samples a second with replicas, by those without | %.2f | %.2f | %d |\n", v[int((NR + 1) / 2)], v[NR], NR}'
# Slots move: a server joins, and leaves again.
start 1 2
for ((i = 1; i <= rounds; i++)); do
    mpirun -q --oversubscribe --bind-to none -np 1 "$PENSTOCK" join run --as server > joined.txt 2>&1 &
    await '"event":"move","moved":true' $((2 * i - 1))
    "$PENSTOCK" scale run --servers 1 > scaled.txt
    await '"event":"move","moved":true' $((2 * i))
done
figures 'rows copied ahead of a move' '"event":"move"' rows_ahead 1 rows
figures 'then sent while all hold' '"event":"move"' rows_held 1 rows
figures 'slots move: rows are copied ahead, and all hold, together' '"event":"move"' seconds
figures 'of that pushes wait, at most' '"event":"move"' held
end
# Who has nothing to do: a coordinator, a server and a worker that wait for a second worker.
rm -rf run
"$PENSTOCK" train run.yaml --coordinate --servers 1 --workers 2 --run run > run.txt 2>&1 &
launched=$!
until [ -e run/state/coordinator ]; do sleep 0.1; done
"$PENSTOCK" join run --as server > joined.txt 2>&1 &
"$PENSTOCK" join run --as worker > joined.txt 2>&1 &
await '"event":"member"' 2
ticks() { # of all threads of a process, in user and system mode; 100 are a second of one core
    local stat
    stat=$(cat "/proc/$1/stat")
    echo "${stat##*) }" | cut -d ' ' -f 12,13 | tr ' ' +
}
declare -A before
for pid in $launched $(live server) $(live worker); do before[$pid]=$(($(ticks "$pid"))); done
sleep 10
for role in coordinator server worker; do
    pid=$launched
    [ $role = coordinator ] || pid=$(live $role)
    echo "| an idle $role, share of one core | $(($(ticks "$pid") - before[$pid])) per mille | | 1 |"
done
end
