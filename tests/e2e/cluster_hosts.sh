#!/bin/bash
# launch --hosts starts one mpirun a line through an agent, over tcp, and gives the same sync result as an embedded run; Ctrl-C reaches
# the coordinator on its host. The agent here stays on this machine. The model's heads are so narrow that their rows travel inside
# ZeroMQ's message structures, which must not be pointed at before they have their place.
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
limit=120
make_data
configure train.consistency=sync model.name=nmtr_gmf model.embedding=8
cat > agent << 'SH'
#!/bin/sh
echo "$1" >> agents.txt
shift
exec sh -c "$1"
SH
chmod +x agent
printf '%s\n' '# HOST ROLE COUNT ADDRESS' 'one coordinator 1 127.0.0.1' 'one server 1 127.0.0.1' 'two server 1 127.0.0.1' \
    'three worker 2' > hosts
penstock 0 train run.yaml --run embedded --workers 1
digest embedded
want=$digest
penstock 0 launch run.yaml --hosts hosts --agent ./agent --run many
same_digest many "$want"
[ "$(sort agents.txt | uniq -c | tr -s ' \n' ' ')" = ' 2 one 1 three 1 two ' ] || fail "agents: $(cat agents.txt)"

nothing_left() {
    local left
    left=$(find . -maxdepth 1 -name 'ompi-*')
    [ -z "$left" ] || fail "$1 has left behind: $left"
}
"$PENSTOCK" launch run.yaml --hosts hosts --agent ./agent --run endless --set train.epochs=100000 > endless.txt 2>&1 &
job=$!
wait_until 60 'the first checkpoint' happened endless '"event":"checkpoint"'
kill -INT $job
ended $job 7 endless.txt
nothing_left "a run that was interrupted"
expect endless.txt 'interrupted (within|after) epoch [0-9]+ and saved; .*--resume endless'

# launch itself is killed: on the hosts everything ends as well.
"$PENSTOCK" launch run.yaml --hosts hosts --agent ./agent --run orphaned --set train.epochs=100000 --set early_stop.patience=0 > orphaned.txt 2>&1 &
job=$!
wait_until 60 'the first checkpoint' happened orphaned '"event":"checkpoint"'
kill -KILL $job
none_left() { ! pgrep -f "penstock .*orphaned"; }
wait_until 20 'the end of what launch has started' none_left
nothing_left "a launch that was killed"

refused() { # line, pattern
    printf '%s\n' "$1" > bad
    penstock 2 launch run.yaml --hosts bad --agent ./agent --run never
    expect_one_line err.txt
    expect err.txt "$2"
}
refused 'one coordinator 2' "bad:1: a line is 'HOST ROLE COUNT"
refused 'one chief 1' "bad:1: a line is 'HOST ROLE COUNT"
refused 'one coordinator 1' 'at least one of each other'
