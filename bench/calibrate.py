#!/usr/bin/env python3
"""calibrate.py - what a message, a row and a float of it cost a worker and a server on this machine, for penstock plan --calibration.

    bench/calibrate.py [--seconds 2] [--rounds 3] [--out build/calibration.yaml] [--bandwidth GBIT] [--disk MB]

One worker process and one server process (bench/rows.c) move rows of several widths in batches of several sizes, over ipc and tcp; their
time on a processor is fitted by  2 message / (rows of a batch) + row + width * float.  Links and disks are not measured: tell them.
Needs only Python's standard library; about two minutes on two cores, which should have nothing else to do.
"""
import argparse
import datetime
import os
import platform
import re
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAMS = os.environ.get("PENSTOCK_BENCH", os.path.join(ROOT, "build/release/bench"))
ROWS = 100000
SHAPES = [(16, 8192), (64, 8192), (192, 4096), (16, 1024), (64, 512), (64, 128)]  # width, batch

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--seconds", type=float, default=2)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--out", default=os.path.join(ROOT, "build/calibration.yaml"))
parser.add_argument("--bandwidth", type=float)
parser.add_argument("--disk", type=float)
arguments = parser.parse_args()


def solve(a, b):
    """Gauss elimination of a small system."""
    n = len(b)
    m = [row[:] + [x] for row, x in zip(a, b)]
    for i in range(n):
        p = max(range(i, n), key=lambda r: abs(m[r][i]))
        m[i], m[p] = m[p], m[i]
        for r in range(n):
            if r != i:
                f = m[r][i] / m[i][i]
                m[r] = [x - f * y for x, y in zip(m[r], m[i])]
    return [m[i][n] / m[i][i] for i in range(n)]


def fit(points):
    """Least squares of relative errors over [(features, value)]; a coefficient that would be below 0 is 0."""
    free = list(range(len(points[0][0])))
    while True:
        x = [([f[k] / y for k in free], 1.0) for f, y in points]
        a = [[sum(f[i] * f[j] for f, _ in x) for j in range(len(free))] for i in range(len(free))]
        b = [sum(f[i] * y for f, y in x) for i in range(len(free))]
        solution = solve(a, b)
        if min(solution) >= 0:
            return [solution[free.index(k)] if k in free else 0.0 for k in range(len(points[0][0]))]
        free.pop(solution.index(min(solution)))


def measure(transport):
    points = {"worker": [], "server": []}
    cores = ",".join(str(c) for c in sorted(os.sched_getaffinity(0))[-2:])
    for width, batch in SHAPES:
        cost = {"worker": [], "server": []}
        for _ in range(arguments.rounds):
            line = subprocess.run(["taskset", "-c", cores, os.path.join(PROGRAMS, "rows"), transport, str(width), str(batch),
                                   str(arguments.seconds), str(ROWS)], stdout=subprocess.PIPE, text=True, check=True,
                                  timeout=60 + arguments.seconds).stdout
            for who in cost:
                cost[who].append(float(re.search(r"([\d.]+) ns " + who, line)[1]))
        rows = ROWS * (1 - (1 - 1 / ROWS) ** batch)
        for who in cost:
            points[who].append(([2 / rows, 1.0, float(width)], statistics.median(cost[who])))
    for who in points:
        tolls = fit(points[who])
        errors = [abs(sum(c * x for c, x in zip(tolls, f)) / y - 1) for f, y in points[who]]
        print("%s over %s: %.0f ns a message, %.1f a row, %.3f a float; the fit is off by %.0f %% at most"
              % (who, transport, *tolls, 100 * max(errors)), file=sys.stderr)
        yield who, tolls


groups = []
for transport in ("ipc", "tcp"):
    for who, (message, row, number) in measure(transport):
        groups.append("%s_%s:\n  message: %.1f\n  row: %.3f\n  number: %.5f\n" % (who, transport, message, row, number))
host = "host:\n  measured: \"%s, %s\"\n" % (platform.node(), datetime.date.today().isoformat())
if arguments.bandwidth:
    host += "  bandwidth: %g\n" % arguments.bandwidth
if arguments.disk:
    host += "  disk: %g\n" % arguments.disk
os.makedirs(os.path.dirname(os.path.abspath(arguments.out)), exist_ok=True)
with open(arguments.out, "w") as f:
    f.write("\n".join(groups) + "\n" + host)
print("written: %s" % arguments.out, file=sys.stderr)
