#!/bin/bash
# coordinator.metrics: the figures of all processes over HTTP while a run goes on, in Prometheus' format; the dashboard asks for nothing else.
# time limit: 240
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
command -v python3 > /dev/null || skip 'there is no python3'
make_data 1500 600 60000
configure train.epochs=100000 train.negatives=15 model.embedding=32 early_stop.patience=0 early_stop.every=1 \
    checkpoint.every=1 eval.floors=false coordinator.metrics=127.0.0.1:0

cat > get.py << 'PY'
# get.py URL [METHOD]: prints status and body. get.py URL --figures: a dictionary of the figures, checked for their form.
import re, sys, urllib.request, urllib.error
def get(url, method="GET"):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as r:
            return r.status, r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()
def figures(url):
    status, text = get(url)
    assert status == 200, (status, text)
    seen, kind, current = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split()[2]
            assert current not in kind, "%s comes twice" % current
            kind[current] = None
        elif line.startswith("# TYPE "):
            assert line.split()[2] == current
            kind[current] = line.split()[3]
        else:
            m = re.fullmatch(r'(penstock_[a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)', line)
            assert m and m[1] == current, line
            assert kind[current] in ("counter", "gauge") and (kind[current] == "counter") == current.endswith("_total"), line
            name = m[1] + (m[2] or "")
            assert name not in seen, "%s comes twice" % name
            seen[name] = float(m[3])
    return seen, set(kind)
if __name__ == "__main__":
    if "--figures" in sys.argv:
        f, names = figures(sys.argv[1])
        def sum_of(pattern): return sum(v for k, v in f.items() if re.fullmatch(pattern, k))
        def number(pattern): return len([k for k in f if re.fullmatch(pattern, k)])
        print(eval(sys.argv[3]))
    else:
        print(*get(*sys.argv[1:]))
PY
figure() { python3 get.py "$url" --figures "$1"; } # python expression
holds() { [ "$(figure "$1")" = True ]; }

launch run 2 3
wait_until 60 'the address' test -s run/state/metrics
url=$(cat run/state/metrics)
[[ $url =~ ^http://127\.0\.0\.1:[0-9]+/metrics$ ]] || fail "run/state/metrics has $url"
wait_until 60 'two epochs' trained run 2
wait_until 60 'everybody at work' holds "sum_of(r'penstock_member_up.*') == 5 and f['penstock_samples_per_second'] > 0"
figure f > all.txt

# The figures are those of the log and of status.
wait_until 30 'validations' holds "f['penstock_validation_best'] > 0 and f['penstock_best_epoch'] >= 1"
holds "sum_of('penstock_server_slots.*') == 1024 and number('penstock_server_rows\{.*') == 2 and number('penstock_worker_lanes.*') == 3" ||
    fail "$(cat all.txt)"
holds "sum_of('penstock_server_rows\{.*') >= 2100" || fail "$(cat all.txt)" # users and items at least
holds "sum_of('penstock_member_memory_bytes.*') > 5 * 4e6 and f['penstock_coordinator_memory_bytes'] > 4e6" || fail "$(cat all.txt)"
holds "f['penstock_lanes'] == 8 and f['penstock_epochs'] == 100000 and f['penstock_term'] == 1" || fail "$(cat all.txt)"
holds "sum_of('penstock_member_bytes_total.*role=\"worker\".*') > 1e5 and min(v for k, v in f.items() if 'rows_total' in k) > 0" || fail "$(cat all.txt)"
holds "f['penstock_events_total{event=\"checkpoint\"}'] >= 1 and f['penstock_checkpoint_bytes_total'] > 1e5 and f['penstock_events_total{event=\"rollback\"}'] == 0" ||
    fail "$(cat all.txt)"
holds "[f['penstock_micro_batches_total{account=\"%s\"}' % k] for k in ('lost', 'twice')] == [0, 0]" || fail "$(cat all.txt)"
holds "sum_of(r'penstock_member_phase_seconds_total.*role=\"worker\".*phase=\"forward\".*') > 0 and number(r'.*phase=\"apply\".*') == 2" || fail "$(cat all.txt)"
first=$(figure "f['penstock_samples_total']")
wait_until 60 'more samples' holds "f['penstock_samples_total'] > $first + 1"
samples=$(samples run | awk '{n += $1} END {print n}')
wait_until 60 'the samples of the log' holds "f['penstock_samples_total'] >= $samples"

# A worker that dies is seen to.
victim=$(pids run worker | head -n 1)
kill -KILL "$victim"
wait_until 60 'its death' holds "sum_of('penstock_member_up.*process=\"$victim\".*') == 0 and f['penstock_events_total{event=\"lost\"}'] == 1"

if command -v promtool > /dev/null; then
    python3 get.py "$url" | sed '1s/^200 //' > scrape.txt
    run 0 20 sh -c 'promtool check metrics < scrape.txt'
    [ ! -s err.txt ] || { cat err.txt; fail 'promtool has something to say'; }
else
    echo 'without promtool (Debian package prometheus): the form is checked by this test alone'
fi

# Every figure that the dashboard asks for is there.
python3 - "$PENSTOCK_ROOT/launch/grafana.json" "$url" << 'PY'
import json, re, sys
from get import figures
board, names = json.load(open(sys.argv[1])), figures(sys.argv[2])[1]
asked = [t["expr"] for p in board["panels"] for t in p.get("targets", [])]
used = {n for e in asked for n in re.findall(r"penstock_[a-z_]+", e)}
assert len(asked) > 10 and used, "an empty dashboard"
assert used <= names, "the dashboard asks for %s, which nobody serves" % (used - names)
ids = [p["id"] for p in board["panels"]]
assert len(ids) == len(set(ids))
PY

# Nothing but these two paths and methods.
base=${url%/metrics}
expect_answer() { [[ $(python3 get.py "$base$2" "$3") == "$1"* ]] || fail "$3 $2: $(python3 get.py "$base$2" "$3")"; }
expect_answer '200 the figures are ' /healthz GET
expect_answer '404 ' / GET
expect_answer '404 ' /metrics/../../etc/passwd GET
expect_answer '405 ' /metrics POST
expect_answer '200' /metrics HEAD
port=${base##*:}
for _ in 1 2 3; do garbage "$port"; done
# Who opens connections and says nothing keeps nobody out for long.
exec 9<> "/dev/tcp/127.0.0.1/$port"
expect_answer '200 ' /healthz GET
exec 9>&-

# A coordinator that dies is followed by another one, which serves them where RUN/state/metrics says by then.
kill -KILL "$(sed -n 's/^pid: //p' run/state/coordinator)"
again() { url=$(cat run/state/metrics) && holds "f['penstock_term'] == 2 and f['penstock_samples_per_second'] > 0"; }
wait_until 60 'the figures of another coordinator' again

kill -TERM $job
ended $job 7 run.txt
[ ! -e run/state/metrics ] || fail 'run/state/metrics is left behind'

# Embedded; a port that somebody has, and what is no address.
configure coordinator.metrics=127.0.0.1:0 train.epochs=1
penstock 0 train run.yaml --run embedded
python3 -c "
import socket
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(1)
open('port', 'w').write(str(s.getsockname()[1])); s.accept()" &
holder=$!
wait_until 10 'a port that is taken' test -s port
configure "coordinator.metrics=127.0.0.1:$(cat port)" train.epochs=1
penstock 4 train run.yaml --run taken
expect_one_line err.txt
expect err.txt "cannot serve figures on 127.0.0.1:$(cat port): Address already in use; set coordinator.metrics to another port"
kill $holder
configure coordinator.metrics=nonsense train.epochs=1
penstock 2 train run.yaml --run nonsense
expect err.txt "coordinator.metrics is 'nonsense', which is no HOST:PORT"
