# cluster_helpers.sh - what the tests of jobs of several processes share: how they are started, what their log tells, how they end; sourced
# after helpers.sh.
# shellcheck shell=bash disable=SC2034

# launch RUN SERVERS WORKERS ARGUMENTS...: in the background, as $job; what it says is in RUN.txt.
launch() {
    "$PENSTOCK" launch run.yaml --servers "$2" --workers "$3" --run "$1" "${@:4}" > "$1.txt" 2>&1 &
    job=$!
}
# The same as single processes, for tests that choose which one dies: coordinate RUN SERVERS WORKERS ARGUMENTS... is $job, and
# join RUN ROLE [WORDS before the program] is $member, with what it says in RUN-members.txt.
coordinate() {
    "$PENSTOCK" train run.yaml --coordinate --servers "$2" --workers "$3" --run "$1" "${@:4}" > "$1.txt" 2>&1 &
    job=$!
}
join() {
    "${@:3}" "$PENSTOCK" join "$1" --as "$2" >> "$1-members.txt" 2>&1 &
    member=$!
}
# ended PROCESS STATUS OUTPUT: waits for a process in the background, which must end so.
ended() {
    local status=0
    wait "$1" || status=$?
    [[ " $2 " == *" $status "* ]] || { cat "$3"; fail "$3: ended with status $status instead of $2"; }
}
gone() { ! kill -0 "$1" 2> /dev/null; } # process

log() { cat "$1/log.jsonl" 2> /dev/null; } # run
# happened RUN REGEX [TIMES]: so many lines of its log match.
happened() { [ "$(log "$1" | grep -cE -- "$2")" -ge "${3:-1}" ]; }
trained() { happened "$1" '"event":"epoch"' "$2"; } # run, epochs
working() { happened "$1" '"event":"working"' "$2"; } # run, first pushes of workers
pids() { # run, role: of its processes, in the order in which they came
    log "$1" | sed -n "s/.*\"event\":\"member\",\"role\":\"$2\".*\"pid\":\([0-9]*\).*/\1/p"
}
joined() { [ "$(pids "$1" "$2" | wc -l)" -ge "$3" ]; } # run, role, processes
# samples RUN: of each epoch. A line that comes twice, because the coordinator died before its next record, counts once.
samples() {
    log "$1" | sed -n 's/.*"event":"epoch","epoch":\([0-9]*\),.*"samples":\([0-9]*\).*/\1 \2/p' | sort -u | cut -d ' ' -f 2
}
# calm: the run that nothing disturbs; its digest is $want, the samples of its epochs are $every.
calm() {
    penstock 0 train run.yaml --run calm --workers 1
    digest calm
    want=$digest
    every=$(samples calm | sort -u)
}
port_of() { # process: the port that it listens on
    local inodes
    inodes=$(find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n')
    awk 'NR == FNR { mine[$1]; next } $4 == "0A" && $10 in mine { split($2, at, ":"); print at[2] }' \
        <(echo "$inodes") "/proc/$1/net/tcp" | while read -r hex; do echo $((16#$hex)); done
}
garbage() { # port: what is no ZeroMQ; the process there may be quicker in hanging up
    (exec 3<> "/dev/tcp/127.0.0.1/$1" && printf 'GET / HTTP/1.0\r\n\r\n%01000d' 0 >&3) || true
}
nothing_lost() { refuse "$1/log.jsonl" '"event":"account".*"(lost|twice)":[1-9]'; } # run
