# lab.sh - a cluster on one machine: hosts with names, addresses and a network of their own, and links that can be cut, slowed and made
# lossy; sourced by a test. README.md explains it.
#
#   lab_enter "$0" "$@"    the test starts anew inside namespaces of its own (no privileges needed); returns 1 where that is refused
#   lab_up NAME...         hosts with these names, on one switch; their addresses are $(lab_address NAME)
#   lab_link NAME KEY VALUE [KEY VALUE ...]     sets a link, by the words of switch.c; "all" sets every one
#   lab_on NAME COMMAND...                      runs a command on a host
#   lab_crash NAME         the host is lost: all its processes are killed at once
# Everything ends with the test: the switch dies with its parent, and the namespaces with their last process.
# shellcheck shell=bash
lab_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab_agent=$lab_folder/agent

lab_enter() {
    [ -z "${LAB_INSIDE:-}" ] || return 0
    # With privileges at once (Slurm wants those of a real root); without, in a user namespace, in which one may make the others.
    local form
    for form in -nm -rnm; do
        unshare $form sh -c 'test -w /dev/net/tun && mount -t tmpfs tmpfs /run && mkdir /run/netns && ip netns add try' 2> /dev/null &&
            LAB_INSIDE=1 exec unshare $form "$@"
    done
    return 1
}

lab_up() {
    local name number=0 ports=()
    mkdir -p lab
    mount -t tmpfs tmpfs /run
    mkdir /run/netns
    [ -x "${lab_switch:=lab/switch}" ] || ${CC:-gcc} -std=gnu11 -O2 -Wall -Wextra -o "$lab_switch" "$lab_folder/switch.c"
    echo '127.0.0.1 localhost' > lab/hosts
    for name in "$@"; do
        number=$((number + 1))
        ip netns add "$name"
        echo "10.77.0.$number $name" >> lab/hosts
        ports+=("$name" "10.77.0.$number/24")
    done
    mount --bind lab/hosts /etc/hosts
    "$lab_switch" lab/control "${ports[@]}" > lab/switch.txt 2>&1 &
    for number in {1..200}; do
        grep -q '^up' lab/switch.txt && return
        sleep 0.05
    done
    cat lab/switch.txt
    return 1
}

lab_address() { awk -v name="$1" '$2 == name {print $1}' lab/hosts; }

lab_link() {
    local try before
    before=$(wc -l < lab/switch.txt)
    echo "$*" > lab/control
    for try in {1..200}; do
        [ "$(wc -l < lab/switch.txt)" -gt "$before" ] && return
        sleep 0.02
    done
    return 1
}

lab_on() {
    local host=$1
    shift
    nsenter --net="/run/netns/$host" unshare --uts sh -c 'hostname "$0" && exec "$@"' "$host" "$@"
}

lab_crash() {
    local round pids
    for round in 1 2 3; do # what was just being started is found by the next round
        # The youngest first, all in one go: on a host that is gone no process sees another one die, and is told to go.
        mapfile -t pids < <(ip netns pids "$1" | sort -rn)
        [ ${#pids[@]} = 0 ] || kill -KILL "${pids[@]}" 2> /dev/null || true
    done
}
