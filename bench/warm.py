#!/usr/bin/env python3
"""Warm against cold start: epochs and seconds of training until tonight's validation is as good as a cold start's best.

    PENSTOCK_DATA=folder bench/warm.py [--days 1,7] [--seeds 3] [--set KEY=VALUE ...]

Last night's model is trained on RetailRocket without its last DAYS days, to its best epoch. Tonight's dataset is the whole log with last night's ids.
It is trained on cold, and warm with the optimiser's state begun anew and kept (train.warm_state), each from several seeds until ten epochs bring no
progress. "To 95 %" (and 99 %) is when the validation first reaches that part of the best one of the cold start with the same seed. Splits are last by time, and none of
tonight's validation or test pairs was trained on last night.
"""
import argparse, json, lzma, os, statistics, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PENSTOCK = os.environ.get("PENSTOCK", os.path.join(ROOT, "bin", "penstock"))
SETTINGS = ["model.name=nmtr_gmf", "model.cascade=logit_avg", "model.loss_weights=4,2,1", "train.batch=1024", "train.lanes=16", "train.epochs=200",
            "early_stop.metric=ndcg@10", "early_stop.patience=10", "optimizer.lr=0.05", "eval.bootstrap=0", "eval.floors=false"]


def penstock(*arguments):
    done = subprocess.run([PENSTOCK, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bench/warm.py: penstock {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def prepare(out, log, *more):
    return penstock("prepare", "--out", out, "--behaviours", "view,cart,buy", *more, log)


def train(run, data, seed, settings):
    """The validations as (epoch, seconds of training so far, value), and the test of the best."""
    overrides = [word for pair in [f"data.path={data}", f"train.seed={seed}", *settings] for word in ("--set", pair)]
    penstock("train", "/dev/null", "--run", run, "--workers", "1", "--quiet", *overrides)
    seconds, curve = 0, []
    with open(f"{run}/log.jsonl") as log:
        for line in map(json.loads, log):
            if line["event"] == "epoch":
                seconds += line["seconds"]
            if line["event"] == "validation":
                curve.append((line["epoch"], seconds, line["value"]))
    metrics = json.load(open(f"{run}/metrics.json"))
    test = next(r for r in metrics["results"] if r["split"] == "test")
    return curve, test["models"]["nmtr_gmf"]["all"]["ndcg@10"]


def reach(curve, value):
    return next(((epoch, seconds) for epoch, seconds, v in curve if v >= value), (None, None))


def spread(values, form):
    """The median; a dash where a run never came there."""
    return "never" if None in values else form % statistics.median(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", default="1,7")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[])
    a = parser.parse_args()
    data = os.environ.get("PENSTOCK_DATA") or sys.exit("bench/warm.py: set PENSTOCK_DATA to the folder of the real data")
    settings = SETTINGS + a.set
    with lzma.open(f"{data}/retailrocket-mb/train.tsv.xz", "rt") as file:
        head, *lines = file
    newest = max(int(line.split("\t")[3]) for line in lines)
    print(f"{'days':>4} {'start':<12} {'epochs':>7} {'best':>7} {'test':>7} {'to 95 %: epochs':>16} {'seconds':>8} {'to 99 %: epochs':>16} {'seconds':>8}")
    for days in map(float, a.days.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            before, whole, old, new = (os.path.join(folder, name) for name in ("before.tsv", "whole.tsv", "old", "new"))
            earlier = [line for line in lines if int(line.split("\t")[3]) <= newest - days * 86400]
            for path, content in ((before, earlier), (whole, lines)):
                with open(path, "w") as file:
                    file.writelines([head, *content])
            prepare(old, before)
            prepare(new, whole, "--dictionary", old)
            results = {}
            for seed in range(1, a.seeds + 1):
                last = f"{folder}/last-{seed}"
                train(last, old, seed, settings)
                for name, more in (("cold", []), ("warm, reset", [f"train.warm_start={last}"]),
                                   ("warm, keep", [f"train.warm_start={last}", "train.warm_state=keep"])):
                    curve, test = train(f"{folder}/{name.replace(', ', '-')}-{seed}", new, seed, settings + more)
                    best = max(curve, key=lambda point: point[2])
                    if name == "cold":
                        cold = best[2]
                    results.setdefault(name, []).append((best[0], best[2], test, *reach(curve, 0.95 * cold), *reach(curve, 0.99 * cold)))
            for name, rows in results.items():
                column = list(zip(*rows))
                print(f"{days:4g} {name:<12} {spread(column[0], '%g'):>7} {spread(column[1], '%.4f'):>7} {spread(column[2], '%.4f'):>7} "
                      f"{spread(column[3], '%g'):>16} {spread(column[4], '%.1f'):>8} {spread(column[5], '%g'):>16} {spread(column[6], '%.1f'):>8}",
                      flush=True)


if __name__ == "__main__":
    main()
