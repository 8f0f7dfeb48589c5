#!/bin/bash
# penstock trace: the phases of some micro-batches of all workers and servers of a running job, by one clock, as a Chrome trace.
# time limit: 240
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
command -v python3 > /dev/null || skip 'there is no python3'
make_data 1500 600 60000
configure train.epochs=100000 train.negatives=15 model.embedding=32 early_stop.patience=0 early_stop.every=100000 \
    checkpoint.every=100000 eval.floors=false

cat > look.py << 'PY'
import collections, json, sys
t = json.load(open(sys.argv[1]))
steps, workers, servers = map(int, sys.argv[2:])
events, other = t["traceEvents"], t["otherData"]
assert other["members_missing"] == 0 and other["steps"] == steps, other
# All on one host, whose clock is one: the estimate is no further off than it says.
assert 0 <= other["clock_error_us"] < 1e6, other
names = {e["pid"]: e["args"]["name"].split(",")[0] for e in events if e["name"] == "process_name"}
assert collections.Counter(names.values()) == {"worker": workers, "server": servers}, names
own = {"worker": {"batch", "forward", "backward", "push"}, "server": {"read", "take", "apply"}}
pushes, reads = set(), collections.defaultdict(list)
for pid, role in names.items():
    spans = [e for e in events if e.get("pid") == pid and e["ph"] == "X"]
    seen = {e["name"] for e in spans}
    assert own[role] <= seen, (role, seen)
    assert [e["ts"] for e in spans] == sorted(e["ts"] for e in spans), "not in order"
    open_ = []
    for e in spans:  # nested: each is inside of those around it
        begin, end = e["ts"], e["ts"] + e["dur"]
        while open_ and open_[-1] <= begin + 0.002:
            open_.pop()
        assert not open_ or end <= open_[-1] + 0.002, "spans overlap"
        open_.append(end)
    if role == "worker":
        whole = [e for e in spans if e["name"] == "step"]
        assert len(whole) >= steps, "%d steps instead of %d" % (len(whole), steps)
        inside = [e for e in spans if e["name"] in ("forward", "backward") and
                  any(w["ts"] - 0.002 <= e["ts"] and e["ts"] + e["dur"] <= w["ts"] + w["dur"] + 0.002 for w in whole)]
        assert len(inside) >= 2 * steps
        lives = [e for e in events if e.get("pid") == pid and e["ph"] in "be"]
        assert len(lives) >= steps and len([e for e in lives if e["ph"] == "b"]) * 2 == len(lives)
        pushes |= {(e["args"]["lane"], e["args"]["position"], e["ts"]) for e in spans if e["name"] == "push"}
    else:
        for e in spans:
            if e["name"] == "apply" and "args" in e:
                reads[e["args"]["lane"], e["args"]["position"]].append(e["ts"])
# What a worker pushed is applied by servers, and not before it was.
both = [(at, reads[lane, position]) for lane, position, at in pushes if (lane, position) in reads]
assert len(both) >= steps, "only %d pushes are applied in the trace" % len(both)
slack = 2 * other["clock_error_us"] + 100
assert all(max(applied) >= at - slack for at, applied in both), "applied before it was pushed"
PY

launch run 2 2
wait_until 60 'the first epoch' trained run 1
penstock 0 trace run --steps 25 --out trace.json
expect out.txt '^trace.json: open it at '
python3 look.py trace.json 25 2 2 || fail 'the trace is not what was asked for'
penstock 0 trace run --steps 5 --out again.json
python3 look.py again.json 5 2 2 || fail 'the second trace is not what was asked for'
expect run/log.jsonl '"event":"trace","epoch":[0-9]+,"steps":25,"members":4'
penstock 2 trace run --steps 0
penstock 2 trace
expect err.txt 'give the folder of a running job'
penstock 5 trace run --out none/trace.json

# A member that is silent keeps nobody waiting for ever.
kill -STOP "$(pids run worker | head -n 1)"
limit=90 penstock 0 trace run --steps 5 --out late.json
kill -CONT "$(pids run worker | head -n 1)"
kill -TERM $job
ended $job 7 run.txt
penstock 4 trace run
expect err.txt 'no coordinator is at work'
