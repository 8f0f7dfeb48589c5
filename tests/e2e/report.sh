#!/bin/bash
# RUN/report.html: one file that needs nothing else, well-formed whatever the names are; written at the end of each run, and by penstock report while a run goes
# on, after a crash, and beside another run. Event files are there for TensorBoard. What the phases of an epoch sum up to is the time of the processes.
# time limit: 300
. "$(dirname "$0")/helpers.sh"
. "$(dirname "$0")/cluster_helpers.sh"
command -v python3 > /dev/null || skip 'there is no python3'
make_data 1500 600 60000
mv data 'a<b>&"c'
configure 'data.path=a<b>&"c' train.epochs=3 early_stop.patience=0 eval.bootstrap=20

# sound FILE PATTERN...: it is XML, has nothing of the network, and each pattern in its text.
sound() {
    python3 - "$@" << 'PY' || fail "$1 is not sound"
import html.parser, re, sys, xml.dom.minidom
path, patterns = sys.argv[1], sys.argv[2:]
text = open(path, encoding="utf-8").read()
xml.dom.minidom.parseString(text.replace("<!DOCTYPE html>", "", 1).encode())
class Words(html.parser.HTMLParser):
    words, inside, tags = "", [], set()
    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not any(name in ("src", "href", "onload", "onclick") for name, _ in attrs), (tag, attrs)
    def handle_data(self, data):
        self.words += data + "\n"
page = Words()
page.feed(text)
assert not re.search(r"https?://|url\(|@import", text), "something of the network"
assert not page.tags & {"script", "link", "img", "iframe", "b>"}, page.tags
for pattern in patterns:
    assert re.search(pattern, page.words, re.M), f"no {pattern!r}"
assert not re.search(r"\bnan\b|\binf\b|\(null\)", page.words), "a number that is none"
PY
}

# A run of one process.
penstock 0 train run.yaml --run one
expect out.txt '^report: one/report.html '
sound one/report.html '^finished' 'a<b>&"c' 'nmtr_neumf' 'popularity' 'Targets that the user had not touched: [1-9]' 'Training loss, by task' 'Validation: NDCG' \
    'Samples a second' 'Where a step.s time went' 'forward pass' 'optimiser' 'training begins with 1 servers' 'data.path' 'Hit rate by K'
python3 - << 'PY' || fail 'the phases are not the time of the processes'
import json
events = [json.loads(line) for line in open("one/log.jsonl")]
epochs = [e for e in events if e["event"] == "epoch"]
phases = [e for e in events if e["event"] == "phases"]
assert [e["epoch"] for e in phases] == [1, 2, 3], phases
workers = next(e for e in events if e["event"] == "start")["workers"]
spent = sum(sum(e["workers"].values()) for e in phases)
trained = workers * sum(e["seconds"] for e in epochs)
# Epochs are short here: what is before a worker's first lane and behind its last one counts, and on a busy machine that may be much of them.
assert 0.3 * trained < spent < 1.5 * trained, (spent, trained)
for role, names in (("workers", ("batch", "forward", "backward", "push")), ("servers", ("read", "take", "apply"))):
    for name in names:
        assert all(e[role][name] >= 0 for e in phases) and sum(e[role][name] for e in phases) > 0, (role, name)
PY
python3 - << 'PY' || fail 'the tasks have other losses than the whole'
import json
events = [json.loads(line) for line in open("one/log.jsonl")]
whole = {e["epoch"]: e["loss"] for e in events if e["event"] == "epoch"}
parts = {e["epoch"]: e["loss"] for e in events if e["event"] == "tasks"}
assert sorted(parts) == sorted(whole) == [1, 2, 3], parts
for epoch, part in parts.items(): # nothing was computed twice, and model.l2 is 0
    assert list(part) == ["view", "cart", "buy"] and all(v > 0 for v in part.values()), part
    assert abs(sum(part.values()) / whole[epoch] - 1) < 1e-4, (part, whole[epoch])
PY
[ "$(find one/tensorboard -name 'events.out.tfevents.*' -size +300c | wc -l)" = 1 ] || fail "$(find one)"
penstock 0 train run.yaml --run without --set train.tensorboard=false
[ ! -e without/tensorboard ] || fail 'there are event files that nobody wants'
penstock 0 train run.yaml --run living --set servers.admit_after=2
sound living/report.html 'Rows on the servers'

# Beside another run; where there is nothing to read; where nothing may change.
penstock 0 report one --against without --out beside.html
expect out.txt '^beside.html$'
sound beside.html 'without, nmtr_neumf' 'this run'
penstock 3 report data-that-is-none
expect err.txt '^penstock: data-that-is-none is no run: cannot read its log data-that-is-none/log.jsonl: No such file'
penstock 3 report one --against nowhere
expect err.txt 'nowhere has no results to be set beside'
touch one/version.yaml
penstock 2 report one
expect err.txt 'one is a published version, in which nothing may change'
rm one/version.yaml
penstock 2 report
expect err.txt 'give the folder of a run'

# A damaged log costs what is damaged.
cp -r one torn
{
    printf 'no json\n{"time":"yesterday","event":"epoch","epoch":1}\n{"time":"2026-01-01T00:00:00.000Z","event":"lost","role":"<i>","host":"&","why":"\\"]]>"}\n'
    printf '{"time":"2026-01-01T00:'
} >> torn/log.jsonl
penstock 0 report torn
sound torn/report.html '3 lines of the log could not be read' 'lost: <i>, process  on &: "\]\]>'

# What is between an end and a resumption is not the run's time.
cp -r one resumed
python3 - << 'PY'
import datetime, json
lines = [json.loads(line) for line in open("one/log.jsonl")]
with open("resumed/log.jsonl", "a") as log:
    for line in lines:
        if line["event"] in ("member", "start", "epoch", "end"):
            time = datetime.datetime.fromisoformat(line["time"].rstrip("Z")) + datetime.timedelta(days=3)
            log.write(json.dumps({**line, "time": time.isoformat(timespec="milliseconds") + "Z"}) + "\n")
PY
penstock 0 report resumed
sound resumed/report.html '^gone on with after 7[12] h [0-9]{2} min$' '^[0-9.]+ s\n+from beginning to end'

# A worker is killed, and the run is looked at while it goes on.
configure 'data.path=a<b>&"c' train.epochs=400 early_stop.patience=0 early_stop.every=400 checkpoint.every=400 eval.floors=false
launch job 1 2
wait_until 60 'the second epoch' trained job 1
victim=$(pids job worker | head -n 1)
kill -KILL "$victim"
wait_until 30 'the loss of the worker' happened job '"event":"lost"'
penstock 0 report job
sound job/report.html 'not over: it goes on' "lost: worker, process $victim on"
kill -TERM $job
ended $job 7 job.txt
sound job/report.html 'ended with exit code 7' "lost: worker, process $victim on" 'lanes changed hands'

# One that dies in the middle has no report until somebody asks for it.
"$PENSTOCK" train run.yaml --run dead > dead.txt 2>&1 &
job=$!
wait_until 60 'an epoch' trained dead 1
kill -KILL $job
wait $job || true
[ ! -e dead/report.html ] || fail 'a killed run has a report'
penstock 0 report dead
sound dead/report.html 'not over' 'Training loss'
