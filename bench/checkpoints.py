#!/usr/bin/env python3
"""checkpoints.py - what a checkpoint costs: in per cent of an epoch, the longest pause of a step, the memory.

    bench/checkpoints.py [--rounds 5] [--epochs 8] [--users 200000] [--items 50000] [--interactions 2000000] [--data FOLDER]

The same run with a checkpoint at the end of every epoch and within them, and with none, in turn, one server and one worker as threads on
two cores, NMTR-GMF with 64 floats and Adagrad on made data (or the prepared dataset FOLDER). The cost is the difference of the medians
of the runs' times, by the number of checkpoints, in per cent of an epoch; the rest is what log.jsonl says of each checkpoint, the worst
of all. Full checkpoints, and with checkpoint.base = 8.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PENSTOCK = os.environ.get("PENSTOCK", os.path.join(ROOT, "bin/penstock"))
parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--users", type=int, default=200000)
parser.add_argument("--items", type=int, default=50000)
parser.add_argument("--interactions", type=int, default=2000000)
parser.add_argument("--data")
arguments = parser.parse_args()
work = tempfile.mkdtemp(prefix="penstock-bench.")
pin = ",".join(str(c) for c in sorted(os.sched_getaffinity(0))[-2:])


def run(*command):
    begin = time.monotonic()
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=work)
    if done.returncode:
        sys.exit("bench: '%s' failed with %d:\n%s" % (" ".join(map(str, command)), done.returncode, done.stderr))
    return time.monotonic() - begin


def train(mode, **settings):
    """Seconds of the run, its epochs' median seconds, and its log's checkpoints."""
    keys = {"model.name": "nmtr_gmf", "train.epochs": arguments.epochs, "train.consistency": mode, "train.lanes": 8, "eval.users": 1,
            "eval.floors": "false", "early_stop.every": 1000, "early_stop.patience": 0, "checkpoint.minutes": 0}
    keys.update({"checkpoint." + k: v for k, v in settings.items()})
    command = ["taskset", "-c", pin, PENSTOCK, "train", "conf.yaml", "--run", "run", "--servers", 1, "--workers", 1, "--quiet"]
    for key, value in keys.items():
        command += ["--set", "%s=%s" % (key, value)]
    seconds = run(*command)
    with open(os.path.join(work, "run/log.jsonl")) as f:
        log = [json.loads(line) for line in f]
    shutil.rmtree(os.path.join(work, "run"))
    epochs = sorted(e["seconds"] for e in log if e["event"] == "epoch")
    return seconds, epochs[len(epochs) // 2], [e for e in log if e["event"] == "checkpoint"]


def median(values):
    return sorted(values)[len(values) // 2]


try:
    data = arguments.data
    if not data:
        data = os.path.join(work, "data")
        run(PENSTOCK, "synth", "--out", "log.tsv", "--users", arguments.users, "--items", arguments.items, "--interactions",
            arguments.interactions)
        run(PENSTOCK, "prepare", "--behaviours", "view,cart,buy", "--out", data, "log.tsv")
    with open(os.path.join(work, "conf.yaml"), "w") as f:
        f.write("data:\n  path: %s\n" % os.path.abspath(data))
    kinds = {"none": {"every": 1000}, "full": {"every": 1}, "base 8": {"every": 1, "base": 8}}
    print("%-6s %-8s %10s %10s %10s %12s %10s %10s %8s" % ("mode", "kind", "epoch s", "MB", "cost %", "pause ms", "memory MB", "copies",
                                                         "waits"))
    for mode in ("sync", "async"):
        found = {kind: [] for kind in kinds}
        for _ in range(arguments.rounds):
            for kind, settings in kinds.items():
                found[kind].append(train(mode, **settings))
        calm, epoch = median([f[0] for f in found["none"]]), median([f[1] for f in found["none"]])
        for kind in list(kinds)[1:]:
            checkpoints = [c for f in found[kind] for c in f[2]]
            cost = (median([f[0] for f in found[kind]]) - calm) / (arguments.epochs - 1) / epoch * 100
            print("%-6s %-8s %10.2f %10.1f %10.1f %12.1f %10.1f %10d %8d" % (
                mode, kind, epoch, 1e-6 * median([c["bytes"] for c in checkpoints]), cost, 1e3 * max(c["pause"] for c in checkpoints),
                1e-6 * max(c["memory"] for c in checkpoints), max(c["copies"] for c in checkpoints),
                max(c["waits"] for c in checkpoints)))
finally:
    shutil.rmtree(work, ignore_errors=True)
