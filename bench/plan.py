#!/usr/bin/env python3
"""plan.py - what penstock plan foretells beside what is measured, for the settings of the benchmark.

    bench/plan.py [--rounds 3] [--calibration build/calibration.yaml]

Every line is one setting: samples a second foretold and measured, and by how much the plan is off, each as the median over the rounds, in which
all take turns: by the clock, and for each second that all processes together are on a processor, which a busy machine disturbs less. What
a run needs beside its epochs (its start, its end) is left out: two runs of different length are compared. Without a calibration the built-in rates are used;
bench/calibrate.py makes one. Needs only Python's standard library.
"""
import argparse
import json
import os
import resource
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
    run([PENSTOCK, "synth", "--out", "log.tsv", "--users", 21716, "--items", 7977, "--interactions", 250000], cores)
    run([PENSTOCK, "prepare", "--behaviours", "cart,buy", "--out", "pairs", "log.tsv"], cores)
    run([PENSTOCK, "synth", "--sessions", "--out", "sessions.tsv", "--items", 8000, "--interactions", 60000, "--users", 4000], cores)
    run([PENSTOCK, "prepare", "--sessions", "--behaviour-column", "operation", "--step-column", "step", "--valid", "none", "--test-from", "0.05",
         "--out", "sessions", "sessions.tsv"], cores)


def sets(data, model, keys):
    keys = dict({"data.path": data, "model.name": model}, **keys)
    return [x for k, v in keys.items() for x in ("--set", "%s=%s" % (k, v))]


def predicted(data, model, keys, pin):
    calibration = ["--calibration", os.path.abspath(arguments.calibration)] if arguments.calibration else []
    plan = json.loads(run([PENSTOCK, "plan", "--json", "--data", data, "--cores", len(pin), "--servers", 1, "--workers", 1] + calibration +
                          sets(data, model, keys), pin[-1:]))
    batch = plan["batch"]
    return plan["samples_per_second"], batch["samples"] / (batch["worker_seconds"] + batch["server_seconds"])


def train(data, model, keys, pin, launch, epochs):
    """Samples of a run, seconds of its epochs, seconds of all of it on processors."""
    with open(os.path.join(work, "conf.yaml"), "w") as f:
        f.write("data:\n  path: %s\n" % data)
    shutil.rmtree(os.path.join(work, "run"), ignore_errors=True)
    keys = dict(keys, **{"train.epochs": epochs, "eval.users": 1, "eval.floors": "false", "early_stop.every": 1000, "checkpoint.every": 1000})
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run([PENSTOCK, "launch" if launch else "train", "conf.yaml", "--run", "run", "--servers", 1, "--workers", 1] + sets(data, model, keys), pin)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(os.path.join(work, "run/metrics.json")) as f:
        training = json.load(f)["training"]
    return (training["samples"], training["samples"] / training["samples_per_second"],
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measured(data, model, keys, pin, launch, epochs):
    short, long = (train(data, model, keys, pin, launch, e) for e in (1, 1 + epochs))
    samples = long[0] - short[0]
    return samples / max(long[1] - short[1], 1e-9), samples / max(long[2] - short[2], 1e-9)


pairs = {"train.batch": 4096, "train.sampling": "union"}
sessions = {"train.batch": 256, "train.lanes": 4}
SETTINGS = [  # name, data, model, keys, cores, processes, epochs
    ("GMF, embedded, one core", "pairs", "nmtr_gmf", pairs, cores[-1:], False, 8),
    ("GMF, embedded, two cores", "pairs", "nmtr_gmf", pairs, cores, False, 8),
    ("GMF, processes, two cores", "pairs", "nmtr_gmf", pairs, cores, True, 8),
    ("NeuMF, embedded, one core", "pairs", "nmtr_neumf", pairs, cores[-1:], False, 1),
    ("NeuMF, processes, two cores", "pairs", "nmtr_neumf", pairs, cores, True, 1),
    ("STAMP, embedded, one core", "sessions", "stamp", sessions, cores[-1:], False, 1),
    ("STAMP, processes, two cores", "sessions", "stamp", sessions, cores, True, 1),
]
try:
    prepare()
    results = {s[0]: [] for s in SETTINGS}
    for _ in range(arguments.rounds):
        for name, data, model, keys, pin, launch, epochs in SETTINGS:
            results[name].append(predicted(data, model, keys, pin) + measured(data, model, keys, pin, launch, epochs))
            print("%s: foretold %.0f, measured %.0f k samples/s; a second of processor: %.0f, %.0f" %
                  ((name,) + tuple(results[name][-1][k] / 1e3 for k in (0, 2, 1, 3))), file=sys.stderr)
    print("%-30s %36s   %36s" % ("", "k samples/s by the clock", "k samples a second of processor"))
    print("%-30s" % "" + 2 * ("%14s %12s %8s   " % ("foretold", "measured", "off by")))
    for name, rows in results.items():
        clock, cpu, found, found_cpu = (statistics.median(r[k] for r in rows) for k in range(4))
        print("%-30s" % name + "".join("%14.1f %12.1f %6.0f %%   " % (a / 1e3, b / 1e3, 100 * (a / b - 1))
                                       for a, b in ((clock, found), (cpu, found_cpu))))
finally:
    shutil.rmtree(work, ignore_errors=True)
