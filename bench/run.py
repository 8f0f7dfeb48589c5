#!/usr/bin/env python3
"""run.py - make bench: what Penstock reaches beside what this machine and PyTorch reach, in one run.

Machines are noisy and shared, so everything is measured in turn, round after round, and reported as the median with its spread;
what counts are ratios within the run. Needs only Python's standard library; PyTorch (python3-torch) is used where it is installed.

    bench/run.py [--rounds 7] [--seconds 4] [--only NAME,...] [--data FOLDER]
    bench/run.py --rounds 3 --only models          # a line for each model: training beside GMF's, full ranking beside its products
    bench/run.py --rounds 3 --only sessions        # a line for each model of sessions: training beside the softmax's products, and with two workers

Names: gmf neumf rows processes ranking models sessions (every model of pairs, of sessions: not among the default ones). Data: Beibei's two behaviours from PENSTOCK_DATA; made data of that size without it.
"""
import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PENSTOCK = os.environ.get("PENSTOCK", os.path.join(ROOT, "bin/penstock"))
PROGRAMS = os.environ.get("PENSTOCK_BENCH", os.path.join(ROOT, "build/release/bench"))
DATA = os.environ.get("PENSTOCK_DATA", os.path.join(ROOT, "../shared/data"))
USERS, ITEMS, PAIRS, BATCH = 21716, 7977, 642622, 4096

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("--seconds", type=float, default=4)
parser.add_argument("--only", default="gmf,neumf,rows,processes,ranking")
parser.add_argument("--data", default=DATA)
arguments = parser.parse_args()
names = arguments.only.split(",")
cores = sorted(os.sched_getaffinity(0))
one = str(cores[-1])
two = ",".join(str(c) for c in cores[-2:])
work = tempfile.mkdtemp(prefix="penstock-bench.")


def run(command, pin=None):
    command = [str(c) for c in command]
    if pin:
        command = ["taskset", "-c", pin] + command
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=work)
    if done.returncode:
        sys.exit("bench: '%s' failed with %d:\n%s" % (" ".join(command), done.returncode, done.stderr))
    return done.stdout


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def prepare():
    beibei = os.path.join(arguments.data, "beibei-cart-buy")
    out = os.path.join(work, "data")
    if os.path.isdir(beibei):
        run([PENSTOCK, "prepare", "--behaviours", "cart,buy", "--out", out, "--valid", "none",
             "--test", beibei + "/buy.test.tsv.xz", "cart=" + beibei + "/cart.train.tsv.xz",
             "buy=" + beibei + "/buy.train.tsv.xz"])
        return out, "Beibei, cart and buy"
    log = os.path.join(work, "log.tsv")
    run([PENSTOCK, "synth", "--out", log, "--users", USERS, "--items", ITEMS, "--interactions", 2500000])
    run([PENSTOCK, "prepare", "--behaviours", "cart,buy", "--out", out, log])
    return out, "made data of Beibei's size (PENSTOCK_DATA has no beibei-cart-buy)"


number = 0


def train(model, epochs, pin, launch=False, processor=False, workers=1, **settings):
    """Samples per second of the training epochs of one run, or per second of processor time of all of it."""
    global number
    number += 1
    folder = os.path.join(work, "run%d" % number)
    conf = os.path.join(work, "conf.yaml")
    with open(conf, "w") as f:
        f.write("data:\n  path: %s\n" % data)
    keys = {"model.name": model, "train.epochs": epochs, "train.batch": BATCH, "train.sampling": "union",
            "eval.users": 1, "eval.floors": "false", "early_stop.every": 1000, "checkpoint.every": 1000}
    keys.update({k.replace("__", "."): v for k, v in settings.items()})
    command = [PENSTOCK, "launch" if launch else "train", conf, "--run", folder, "--servers", 1, "--workers", workers]
    for key, value in keys.items():
        command += ["--set", "%s=%s" % (key, value)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(command, pin)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(os.path.join(folder, "metrics.json")) as f:
        training = json.load(f)["training"]
    speed = training["samples_per_second"]
    if processor:
        speed = training["samples"] / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    shutil.rmtree(folder)
    return speed


def torch(model):
    return float(run(["/usr/bin/python3", os.path.join(ROOT, "bench/torch_nmtr.py"), model, USERS, ITEMS, PAIRS, BATCH,
                      arguments.seconds], one))


def ceiling(*what):
    return float(run([os.path.join(PROGRAMS, "ceilings")] + list(what), one))


def products():
    """Samples per second that the matrix products of NeuMF alone allow, at tiles of 1,024 samples."""
    flops = {"forward": (1024, 96, 192), "rows": (1024, 192, 96), "weights": (192, 96, 1024)}
    seconds = 0
    for m, n, k in flops.values():
        seconds += 2 * 2.0 * m * n * k / (1e9 * ceiling("gemm", m, n, k, arguments.seconds / 8))
    return 1024 / seconds


def rows(transport):
    line = run([os.path.join(PROGRAMS, "rows"), transport, 64, 8192, arguments.seconds, 100000], two)
    return 1e6 * float(line.split("M rows/s")[0].split()[-1])


def ranking(model):
    """Full ranking: pairs per second, and its share of the rate of its matrix products alone (None: it has none)."""
    text = run([os.path.join(PROGRAMS, "bench_model"), "ranking", model], one)
    share = re.search(r"(\d+) % of the products alone", text)
    return 1e6 * float(re.search(r"(\d+) M pairs/s", text)[1]), share and float(share[1]) / 100


def bench_models():
    """Samples of training, by each model's own recipe, and pairs of full ranking, per second of processor time on one core, for every model of pairs."""
    global data
    log, data = os.path.join(work, "models.tsv"), os.path.join(work, "models")
    run([PENSTOCK, "synth", "--out", log, "--users", 4000, "--items", ITEMS, "--interactions", 250000])
    run([PENSTOCK, "prepare", "--behaviours", "cart,buy", "--out", data, log])
    models = run([os.path.join(PROGRAMS, "bench_model"), "models"]).splitlines()[1:]
    trained, ranked = {m: [] for m in models}, {m: [] for m in models}
    for _ in range(arguments.rounds):
        for m in models:
            trained[m].append(train(m, 2, one, processor=True, train__sampling="per_behaviour", train__batch=8192))
            ranked[m].append(ranking(m))
    print("made data: 4,000 users, %d items; batches of 8192; rates per second of processor time" % ITEMS)
    print("%-12s %18s %10s %18s %22s" % ("model", "training, k/s", "of GMF's", "ranking, M pairs/s", "of its products alone"))
    for m in models:
        share = [s for _, s in ranked[m] if s is not None]
        print("%-12s %18.0f %10.2f %18.0f %22s" % (
            m, median(trained[m]) / 1e3, median([a / b for a, b in zip(trained[m], trained["gmf"])]),
            median([r for r, _ in ranked[m]]) / 1e6, "%.2f" % median(share) if share else "no matrix work"))


def bench_sessions():
    """Next items that are learned per second by every model of sessions, with all items as candidates: per second of processor time on one
    core, beside what the three products of the softmax alone allow there; and on the clock, with two workers beside one on two cores."""
    global data
    log, data, items, width, batch = os.path.join(work, "sessions.tsv"), os.path.join(work, "sessions"), 8000, 64, 256
    triples = os.path.join(work, "triples.tsv")
    run([PENSTOCK, "synth", "--sessions", "--out", log, "--triples", triples, "--items", items, "--interactions", 60000, "--users", 4000])
    run([PENSTOCK, "prepare", "--sessions", "--behaviour-column", "operation", "--step-column", "step", "--feedback", "like,share",
         "--item-triples", triples, "--valid", "none", "--test-from", "0.05", "--out", data, log])
    models = [line.split()[0] for line in run([PENSTOCK, "models"]).splitlines() if " sessions " in line and "(a rule" not in line]
    settings = {"model__embedding": width, "train__batch": batch, "train__sampling": "per_behaviour", "train__lanes": 4, "model__knowledge": "none"}
    rate = 1e9 * ceiling("gemm", batch, items, width, arguments.seconds / 4)
    alone, both = {m: [] for m in models}, {m: [] for m in models}
    for _ in range(arguments.rounds):
        for m in models:
            own = dict(settings, train__candidates="sampled") if m == "fpmc" else settings
            own = dict(own, train__batch=32) if m.startswith("gru") else own  # whole sessions
            alone[m].append(train(m, 1, one, processor=True, **own))
            both[m].append(train(m, 1, two, workers=2, **own) / train(m, 1, two, **own))
    print("made sessions: %d items, embeddings of %d; all items are candidates (fpmc: 2,048 sampled ones); rates per second of processor time" % (items, width))
    print("%-14s %16s %26s %22s" % ("model", "next items, k/s", "of the softmax's products", "two workers over one"))
    for m in models:
        print("%-14s %16.1f %26s %22.2f" % (m, median(alone[m]) / 1e3, "-" if m == "fpmc" else "%.2f" % (median(alone[m]) * 6 * items * width / rate),
                                             median(both[m])))


has_torch = subprocess.run(["/usr/bin/python3", "-c", "import torch"], capture_output=True).returncode == 0
data, description = prepare() if set(names) - {"models", "sessions"} else (None, "made")
series = []  # (group, name, unit, function, scale)
if "gmf" in names:
    series.append(("gmf", "penstock, embedded, one core", "M samples/s", lambda: train("nmtr_gmf", 3, one), 1e-6))
    if has_torch:
        series.append(("gmf", "pytorch, one core", "M samples/s", lambda: torch("gmf"), 1e-6))
if "neumf" in names:
    series.append(("neumf", "penstock, embedded, one core", "M samples/s", lambda: train("nmtr_neumf", 1, one), 1e-6))
    series.append(("neumf", "matrix products alone", "M samples/s", products, 1e-6))
    if has_torch:
        series.append(("neumf", "pytorch, one core", "M samples/s", lambda: torch("neumf"), 1e-6))
if "rows" in names:
    for t in ("ipc", "tcp"):
        series.append(("rows", "penstock, %s, two cores" % t, "M rows/s", lambda t=t: rows(t), 1e-6))
        series.append(("rows", "zeromq alone, %s, 2 MiB" % t, "MB/s", lambda t=t: ceiling("stream", t, 1 << 21, arguments.seconds / 4), 1))
    series.append(("rows", "memory alone, gather", "M rows/s", lambda: ceiling("gather", 100000, 64, arguments.seconds / 4), 1))
    series.append(("rows", "memory alone, Adagrad", "M rows/s", lambda: ceiling("update", 100000, 64, arguments.seconds / 4), 1))
if "processes" in names:
    series.append(("processes", "embedded, GMF, two cores", "M samples/s", lambda: train("nmtr_gmf", 3, two), 1e-6))
    series.append(("processes", "server and worker as processes, GMF", "M samples/s",
                   lambda: train("nmtr_gmf", 3, two, launch=True), 1e-6))
    series.append(("processes", "embedded, NeuMF, two cores", "M samples/s", lambda: train("nmtr_neumf", 1, two), 1e-6))
    series.append(("processes", "server and worker as processes, NeuMF", "M samples/s",
                   lambda: train("nmtr_neumf", 1, two, launch=True), 1e-6))
if "ranking" in names:
    for m in ("nmtr_gmf", "nmtr_neumf"):
        series.append(("ranking", "full ranking over GEMM, %s" % m, "ratio",
                       lambda m=m: ranking(m)[1], 1))

print("data: %s; batches of %d, E=64, %d rounds in turn, cores %s; '[least, most]' is the spread"
      % (description, BATCH, arguments.rounds, two))
if not has_torch:
    print("python3-torch is not installed: no comparison with PyTorch")
if "models" in names:
    bench_models()
if "sessions" in names:
    bench_sessions()
values = {s[:2]: [] for s in series}
try:
    for _ in range(arguments.rounds):
        for group, name, unit, function, scale in series:
            values[(group, name)].append(function() * scale)
finally:
    shutil.rmtree(work, ignore_errors=True)
for group, name, unit, _, _ in series:
    v = values[(group, name)]
    print("%-10s %-40s %9.3f %-12s [%.3f, %.3f]" % (group, name, median(v), unit, min(v), max(v)))


def ratio(group, a, b, target, what):
    """The median of the ratios within each round."""
    if (group, a) in values and (group, b) in values:
        r = median([x / y for x, y in zip(values[(group, a)], values[(group, b)])])
        print("%-60s %6.2f   target %-8s %s" % (what, r, target[1], "reached" if target[0](r) else "BELOW TARGET"))


def single(group, name, target, what):
    if (group, name) in values:
        m = median(values[(group, name)])
        print("%-60s %6.2f   target %-8s %s" % (what, m, target[1], "reached" if target[0](m) else "BELOW TARGET"))


print()
ratio("gmf", "penstock, embedded, one core", "pytorch, one core", (lambda r: r >= 3, ">= 3"), "GMF against PyTorch")
ratio("neumf", "penstock, embedded, one core", "matrix products alone", (lambda r: r >= 0.6, ">= 0.6"),
      "NeuMF against its matrix products alone")
ratio("neumf", "penstock, embedded, one core", "pytorch, one core", (lambda r: r >= 1, ""), "NeuMF against PyTorch")
for t in ("ipc", "tcp"):
    single("rows", "penstock, %s, two cores" % t, (lambda r: r >= 3, ">= 3 M"), "rows pulled, pushed and updated over %s, M/s" % t)
for m in ("GMF", "NeuMF"):
    ratio("processes", "server and worker as processes, " + m, "embedded, %s, two cores" % m, (lambda r: r >= 0.9, ">= 0.9"),
          "two processes against embedded, " + m)
for m in ("nmtr_gmf", "nmtr_neumf"):
    single("ranking", "full ranking over GEMM, " + m, (lambda r: r >= 0.5, ">= 0.5"), "full ranking against GEMM, " + m)
