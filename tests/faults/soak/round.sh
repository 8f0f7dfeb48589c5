#!/bin/bash
# One round of make soak: a small training run of a random shape with random faults, all drawn from the seed in $mode. It is checked like
# every other scenario. The same seed draws the same faults; where they meet the run depends on the machine too.
. "$(dirname "$0")/../helpers.sh"
seed=$mode
RANDOM=$((seed % 32768))
# draw FROM TO: a number into $n. pick WORD...: one of them into $word. Not by $(...): a subshell's random numbers are its own.
draw() { n=$(($1 + RANDOM % ($2 - $1 + 1))); }
pick() { shift $((RANDOM % $#)) && word=$1; }

pick sync async && mode=$word
# shellcheck disable=SC2034
draw 1 3 && servers=$n
draw 1 4 && workers=$n
draw 2 4 && epochs=$n
draw 1 4 && faults=$n
spare=$workers # workers, of which one must be left
later=()       # "TENTHS-OF-A-SECOND COMMAND ...": what happens from outside
while [ ${#rules[@]} -lt "$faults" ] && [ ${#later[@]} -lt "$faults" ]; do
    pick 'worker KILL' 'worker KILL' 'worker STOP' 'worker joins' 'worker leaves' 'server KILL' 'server KILL' 'server STOP' 'server joins' \
        'coordinator KILL' 'coordinator KILL' 'coordinator STOP'
    what=$word
    case $what in
    'worker '[KSl]*) [ $((--spare)) -gt 0 ] || what='worker joins' ;;
    esac
    pick 40 400 1500
    draw 1 "$word" && step=$n # of micro-batches, on one process
    draw 1 12 && few=$n       # of what is rarer
    draw 5 30 && tenths=$n
    case $what in
    'worker KILL') pick send:PULL recv:ROWS send:PUSH recv:ACK && fault worker "$word" "$step" KILL ;;
    'worker STOP') pick send:PUSH recv:ACK send:LANE_DONE send:EVAL_DONE && fault worker "$word" "$few" STOP ;;
    'worker joins') later+=("$tenths joins worker") ;;
    'worker leaves') draw 1 "$workers" && later+=("$tenths leaves $n") ;;
    'server KILL')
        pick recv:PULL recv:PUSH send:ACK send:ROWS recv:CUT_PREPARE recv:CUT_AT send:CUT_DONE recv:EPOCH send:READY fsync rename
        case $word in
        *PULL | *PUSH | *ACK | *ROWS) fault server "$word" "$step" KILL ;;
        *) fault server "$word" $((few / 3 + 1)) KILL ;;
        esac
        ;;
    'server STOP') pick recv:PUSH send:ACK && fault server "$word" "$step" STOP ;;
    'server joins') later+=("$tenths joins server") ;;
    coordinator*)
        pick send:GRANT send:FENCE send:EPOCH send:CUT_AT recv:CUT_DONE recv:LANE_DONE recv:EVAL_DONE rename link
        fault coordinator "$word" "$few" "${what#* }"
        ;;
    esac
done
# Half of those with several servers have replicas, and one fault more, on the way from a server to its replica.
[ "$servers" -gt 1 ] && draw 0 1 && replicas=$n || replicas=0
if [ "$replicas" = 1 ]; then
    draw 1 400 && step=$n
    pick send:REPL recv:REPL send:REPL_ACK recv:REPL_ACK && point=$word
    pick KILL STOP && fault server "$point" "$step" "$word"
fi
echo "# seed $seed: $mode, $servers servers, replicas: $replicas, $workers workers, $epochs epochs; faults: ${rules[*]}; from outside: ${later[*]}"

# Frozen processes thaw after a while.
thaw() {
    local i
    for i in "${!rules[@]}"; do
        [[ ${rules[i]} == *STOP && -s inject/fired-$i && ! -e inject/thawing-$i ]] || continue
        touch "inject/thawing-$i"
        draw 2 30
        (sleep "$((n / 10)).$((n % 10))" && kill -CONT "$(cat "inject/fired-$i")" 2> /dev/null) &
    done
}
others=()
joins() { # ROLE
    [ -e run/state/coordinator ] || return 0
    join "joined-${#others[@]}" --as "$1"
    others+=("$joined")
}
leaves() { # NUMBER of the worker
    local leaver
    leaver=$(pids worker | sed -n "$1p")
    [ -z "$leaver" ] || kill -TERM "$leaver" 2> /dev/null || true
}
start --set servers.replicas="$replicas"
for ((tenth = 0; tenth < 1000; tenth++)); do
    over && break
    thaw
    for event in "${later[@]}"; do
        # shellcheck disable=SC2086
        [ "${event%% *}" != $tenth ] || ${event#* }
    done
    sleep 0.1
done
survived
for each in "${others[@]}"; do wait_until $((patience * 2)) 'the end of a member that joined' dead "$each"; done
