#!/bin/bash
# penstock status keeps within the terminal: by COLUMNS, and by what the terminal says; a wide one shows more, a pipe everything.
# time limit: 120
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
command -v python3 > /dev/null || skip 'there is no python3'
make_data 1500 600 60000
configure train.epochs=100000 early_stop.patience=0 early_stop.every=100000 checkpoint.every=100000 eval.floors=false
launch run-of-a-rather-long-name 2 2
run=run-of-a-rather-long-name
wait_until 60 'the first epoch' trained $run 1

within() { # columns: no line of out.txt is longer
    awk -v most="$1" 'length($0) > most { print; long = 1 } END { exit long }' out.txt || fail "a line is longer than $1"
}
for columns in 60 80 100; do
    COLUMNS=$columns penstock 0 status $run
    within $columns
    [ "$(grep -cE '^  (server|worker) ' out.txt)" = 4 ] || { cat out.txt; fail 'not all processes are shown'; }
done
expect out.txt '^  role .* seen .* queue'
COLUMNS=80 penstock 0 status $run
expect out.txt '^  role    host +process state +lanes +k/s  busy  lag +seen'
refuse out.txt 'queue'

# A terminal of 80 columns and 7 lines: a stopped worker is named, and shown before those who are well.
victim=$(pids $run worker | head -n 1)
kill -STOP "$victim"
look() { # the last whole picture of --watch on a terminal, into out.txt
    env -u COLUMNS -u LINES python3 - "$PENSTOCK" $run > out.txt << 'PY'
import fcntl, os, pty, select, struct, sys, termios, time
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 7, 80, 0, 0))
    os.execv(sys.argv[1], [sys.argv[1], "status", "--watch", sys.argv[2]])
seen, clear, deadline = b"", b"\x1b[H\x1b[2J", time.time() + 20
while seen.count(clear) < 3 and time.time() < deadline:
    if select.select([terminal], [], [], 0.5)[0]:
        seen += os.read(terminal, 65536)
os.kill(pid, 15)
os.waitpid(pid, 0)
sys.stdout.write(seen.split(clear)[-2].decode().replace("\r", ""))
PY
}
silent() { look && grep -qE "^straggler: worker, process $victim on" out.txt; }
wait_until 30 'the stopped worker to be named' silent
within 80
[ "$(wc -l < out.txt)" -le 7 ] || { cat out.txt; fail 'there are more lines than the terminal has'; }
grep -E '^  (server|worker) ' out.txt | head -n 1 | grep -qE "^  worker .* $victim silent" || { cat out.txt; fail 'the straggler is not the first'; }
expect out.txt '^  and [0-9]+ more$'
kill -CONT "$victim"
kill -TERM $job
ended $job 7 $run.txt
