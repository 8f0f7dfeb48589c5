#!/usr/bin/env python3
"""observing.py - what it costs to look at a run: metrics scraped once a second, and a trace taken now and then, against neither.

    bench/observing.py [--rounds 7] [--model nmtr_gmf]
    bench/observing.py --rounds 0      # the processor time of putting the figures together, and of 1,000 scrapes, alone

One server and one worker on two cores, as processes, GMF on made data of Beibei's size. All forms take turns in every round; what counts is the
median of the ratios within rounds: of samples for each second that all processes are on a processor (the commands that look are among them), which a
busy machine disturbs less, and of samples a second by the clock. Needs only Python's standard library.
"""
import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PENSTOCK = os.environ.get("PENSTOCK", os.path.join(ROOT, "bin/penstock"))
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--model", default="nmtr_gmf")
arguments = parser.parse_args()
work = tempfile.mkdtemp(prefix="penstock-observing.")
cores = ",".join(str(c) for c in sorted(os.sched_getaffinity(0))[-2:])


def call(*command):
    done = subprocess.run([str(c) for c in command], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit("observing.py: '%s' failed with %d:\n%s" % (" ".join(map(str, command)), done.returncode, done.stdout))


def watch(run, over, seen):
    while not over.wait(1):
        try:
            with open(os.path.join(run, "state/metrics")) as f:
                url = f.read().strip()
            with urllib.request.urlopen(url, timeout=5) as answer:
                seen["scrapes"] += len(answer.read()) > 0
        except OSError:
            pass


def trace(run, over, seen):
    while not over.wait(3):
        out = os.path.join(work, "trace.json")
        seen["traces"] += subprocess.run([PENSTOCK, "trace", run, "--steps", "50", "--out", out], stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL).returncode == 0


def train(scraped, traced):
    run = os.path.join(work, "run")
    shutil.rmtree(run, ignore_errors=True)
    over, seen, threads = threading.Event(), {"scrapes": 0, "traces": 0}, []
    for wanted, what in ((scraped, watch), (traced, trace)):
        if wanted:
            threads.append(threading.Thread(target=what, args=(run, over, seen)))
            threads[-1].start()
    keys = {"model.name": arguments.model, "train.epochs": arguments.epochs, "train.batch": 4096, "train.sampling": "union", "eval.users": 1,
            "eval.floors": "false", "early_stop.every": 1000, "checkpoint.every": 1000,
            "coordinator.metrics": "127.0.0.1:0" if scraped else ""}
    sets = [x for k, v in keys.items() for x in ("--set", "%s=%s" % (k, v))]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    call("taskset", "-c", cores, PENSTOCK, "launch", "conf.yaml", "--run", run, "--servers", 1, "--workers", 1, *sets)
    over.set()
    for t in threads:
        t.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if (scraped and not seen["scrapes"]) or (traced and not seen["traces"]):
        sys.exit("observing.py: nothing was looked at; raise --epochs")
    with open(os.path.join(run, "metrics.json")) as f:
        training = json.load(f)["training"]
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return training["samples"] / processor, training["samples_per_second"]


def alone():
    """Processor time of the coordinator's process for the figures of a second, by its own count, and for a scrape."""
    run = os.path.join(work, "run")
    keys = {"train.epochs": 100000, "early_stop.every": 100000, "checkpoint.every": 100000, "eval.floors": "false", "coordinator.metrics": "127.0.0.1:0"}
    sets = [x for k, v in keys.items() for x in ("--set", "%s=%s" % (k, v))]
    job = subprocess.Popen([PENSTOCK, "launch", "conf.yaml", "--run", run, "--servers", "2", "--workers", "2"] + sets, cwd=work,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        log, deadline = os.path.join(run, "log.jsonl"), time.time() + 60
        while not (os.path.exists(log) and '"working"' in open(log).read()) and time.time() < deadline:
            time.sleep(0.1)
        url = open(os.path.join(run, "state/metrics")).read().strip()
        pid = re.search(r"pid: (\d+)", open(os.path.join(run, "state/coordinator")).read())[1]

        def scrape():
            with urllib.request.urlopen(url, timeout=10) as answer:
                text = answer.read().decode()
            return len(text), float(re.search(r"^penstock_figures_seconds_total (\S+)", text, re.M)[1])

        def used():
            return sum(map(int, open("/proc/%s/stat" % pid).read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")

        time.sleep(3)
        (size, first), at, before = scrape(), time.time(), used()
        time.sleep(20)
        quiet, (_, last), seconds = used() - before, scrape(), time.time() - at
        before, at = used(), time.time()
        for _ in range(1000):
            scrape()
        busy = used() - before - quiet / seconds * (time.time() - at)
        print("the figures of 5 processes, %d bytes: %.0f us of a processor each second; a scrape: %.0f us" %
              (size, 1e6 * (last - first) / seconds, 1e6 * busy / 1000))
    finally:
        job.terminate()
        job.wait()


FORMS = [("neither", False, False), ("neither, again", False, False), ("metrics", True, False), ("metrics and traces", True, True)]
try:
    call(PENSTOCK, "synth", "--out", "log.tsv", "--users", 21716, "--items", 7977, "--interactions", 250000)
    call(PENSTOCK, "prepare", "--behaviours", "cart,buy", "--out", "data", "log.tsv")
    with open(os.path.join(work, "conf.yaml"), "w") as f:
        f.write("data:\n  path: %s/data\n" % work)
    alone()
    rates = {name: [] for name, _, _ in FORMS}
    for _ in range(arguments.rounds):
        for name, scraped, traced in FORMS:
            rates[name].append(train(scraped, traced))
            print("%-20s %8.0f k samples a second of processor, %8.0f k a second" % ((name,) + tuple(r / 1e3 for r in rates[name][-1])), file=sys.stderr)
    if arguments.rounds:
        print("%-20s %34s %34s" % ("of those with neither", "a second of processor", "by the clock"))
    for name, values in rates.items() if arguments.rounds else ():
        print("%-20s" % name, end=" ")
        for k in range(2):
            ratios = [a[k] / b[k] for a, b in zip(values, rates["neither"])]
            print("%34s" % ("%.3f  [%.3f, %.3f]" % (statistics.median(ratios), min(ratios), max(ratios))), end=" ")
        print()
finally:
    shutil.rmtree(work, ignore_errors=True)
