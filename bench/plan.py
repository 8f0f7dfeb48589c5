#!/usr/bin/env python3
"""plan.py - what penstock plan foretells beside what is measured, for the settings of the benchmark.

    bench/plan.py [--rounds 3] [--calibration build/calibration.yaml]

Every line is one setting: samples a second foretold and measured (the median over the rounds, in which all take turns), and by how much the
plan is off. Without a calibration the built-in rates are used; bench/calibrate.py makes one. Needs only Python's standard library.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PENSTOCK = os.environ.get("PENSTOCK", os.path.join(ROOT, "bin/penstock"))

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--calibration")
arguments = parser.parse_args()
work = tempfile.mkdtemp(prefix="penstock-plan.")
cores = [str(c) for c in sorted(os.sched_getaffinity(0))[-2:]]


def run(command, pin):
    done = subprocess.run(["taskset", "-c", ",".join(pin)] + [str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, cwd=work)
    if done.returncode:
        sys.exit("plan.py: '%s' failed with %d:\n%s" % (" ".join(map(str, command)), done.returncode, done.stderr))
    return done.stdout


def prepare():
    run([PENSTOCK, "synth", "--out", "log.tsv", "--users", 21716, "--items", 7977, "--interactions", 2500000], cores)
    run([PENSTOCK, "prepare", "--behaviours", "cart,buy", "--out", "pairs", "log.tsv"], cores)
    run([PENSTOCK, "synth", "--sessions", "--out", "sessions.tsv", "--items", 8000, "--interactions", 200000, "--users", 8000], cores)
    run([PENSTOCK, "prepare", "--sessions", "--behaviour-column", "operation", "--step-column", "step", "--valid", "none", "--test-from", "0.05",
         "--out", "sessions", "sessions.tsv"], cores)


def sets(data, model, keys):
    keys = dict({"data.path": data, "model.name": model}, **keys)
    return [x for k, v in keys.items() for x in ("--set", "%s=%s" % (k, v))]


def predicted(data, model, keys, pin):
    calibration = ["--calibration", os.path.abspath(arguments.calibration)] if arguments.calibration else []
    plan = json.loads(run([PENSTOCK, "plan", "--json", "--data", data, "--cores", len(pin), "--servers", 1, "--workers", 1] + calibration +
                          sets(data, model, keys), pin[-1:]))
    return plan["samples_per_second"], plan["limited_by"]


def measured(data, model, keys, pin, launch):
    with open(os.path.join(work, "conf.yaml"), "w") as f:
        f.write("data:\n  path: %s\n" % data)
    shutil.rmtree(os.path.join(work, "run"), ignore_errors=True)
    keys = dict(keys, **{"eval.users": 1, "eval.floors": "false", "early_stop.every": 1000, "checkpoint.every": 1000})
    run([PENSTOCK, "launch" if launch else "train", "conf.yaml", "--run", "run", "--servers", 1, "--workers", 1] + sets(data, model, keys), pin)
    with open(os.path.join(work, "run/metrics.json")) as f:
        return json.load(f)["training"]["samples_per_second"]


pairs = {"train.batch": 4096, "train.sampling": "union"}
SETTINGS = [  # name, data, model, keys, cores, processes
    ("GMF, embedded, one core", "pairs", "nmtr_gmf", dict(pairs, **{"train.epochs": 2}), cores[-1:], False),
    ("GMF, embedded, two cores", "pairs", "nmtr_gmf", dict(pairs, **{"train.epochs": 2}), cores, False),
    ("GMF, processes, two cores", "pairs", "nmtr_gmf", dict(pairs, **{"train.epochs": 2}), cores, True),
    ("NeuMF, embedded, one core", "pairs", "nmtr_neumf", dict(pairs, **{"train.epochs": 1}), cores[-1:], False),
    ("NeuMF, processes, two cores", "pairs", "nmtr_neumf", dict(pairs, **{"train.epochs": 1}), cores, True),
    ("STAMP, embedded, one core", "sessions", "stamp", {"train.batch": 256, "train.lanes": 4, "train.epochs": 1}, cores[-1:], False),
    ("STAMP, processes, two cores", "sessions", "stamp", {"train.batch": 256, "train.lanes": 4, "train.epochs": 1}, cores, True),
]
try:
    prepare()
    results = {s[0]: ([], []) for s in SETTINGS}
    for _ in range(arguments.rounds):
        for name, data, model, keys, pin, launch in SETTINGS:
            rate, limited = predicted(data, model, keys, pin)
            results[name][0].append(rate)
            results[name][1].append(measured(data, model, keys, pin, launch))
    print("%-30s %14s %14s %8s" % ("", "foretold, k/s", "measured, k/s", "off by"))
    for name, (foretold, found) in results.items():
        a, b = statistics.median(foretold), statistics.median(found)
        print("%-30s %14.1f %14.1f %7.0f %%" % (name, a / 1e3, b / 1e3, 100 * (a / b - 1)))
finally:
    shutil.rmtree(work, ignore_errors=True)
