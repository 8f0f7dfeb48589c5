#!/usr/bin/env python3
"""search.py - a seeded random search over settings, judged by validation alone.

    bench/search.py CONF LOG.tsv --trials 8 --vary 'optimizer.lr=0.02|0.05' --vary 'model.loss_weights=[5, 1]|[1, 1]'

A trial draws one value of every --vary KEY=VALUE|VALUE|..., trains CONF with it (penstock train, embedded) and
appends a line to the log: the settings, the seed, what validation showed at the best epoch, seconds. Settings that
stand in the log already are passed over, so a search that was stopped goes on where it was.

Nobody can peek: a dataset that holds test pairs is refused. How long to train is part of the answer (the column
best_epoch): CONF's early stopping ends a trial. Numbers come from RUN/metrics.json; the run's folder is removed.
"""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile

METRICS = ("hr@100", "ndcg@100", "hr@10", "ndcg@10")
GROUPS = ("all", "unseen")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("conf", help="configuration that all trials share")
    parser.add_argument("log", help="TSV that gets a line a trial")
    parser.add_argument("--vary", action="append", required=True, metavar="KEY=A|B|...", help="values to draw from")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="the same in all trials")
    parser.add_argument("--trials", type=int, default=8, help="trials of this call (default 8)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the draws (default 1)")
    parser.add_argument("--workers", type=int, default=1, help="worker threads (default 1)")
    parser.add_argument("--penstock", default="bin/penstock", help="the program (default bin/penstock)")
    options = parser.parse_args()
    options.space = []
    for text in options.vary:
        key, equals, values = text.partition("=")
        if not equals or not all(values.split("|")):
            parser.error(f"--vary {text}: give KEY=VALUE|VALUE|...")
        options.space.append((key, values.split("|")))
    return options


def draws(space, seed):
    """The settings in the order in which this seed tries them: every combination once."""
    total = 1
    for _, values in space:
        total *= len(values)
    for number in random.Random(seed).sample(range(total), total):
        settings = []
        for key, values in space:
            number, index = divmod(number, len(values))
            settings.append(f"{key}={values[index]}")
        yield settings


def effective(options, extra=()):
    """The configuration that a trial would have, as a dictionary of 'section.key' to text."""
    command = [options.penstock, "config", options.conf]
    for pair in [*options.set, *extra]:
        command += ["--set", pair]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    section, keys = "", {}
    for line in lines:
        name, colon, value = line.strip().partition(":")
        if not colon or name.startswith("#"):
            continue
        if line[0] != " ":
            section = name
        else:
            keys[f"{section}.{name}"] = value.strip().strip('"')
    return keys


def train(options, settings, run):
    command = [options.penstock, "train", options.conf, "--run", run, "--quiet", "--workers", str(options.workers)]
    for pair in [*options.set, *settings, "eval.floors=false"]:
        command += ["--set", pair]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"search: {' '.join(settings)} failed with exit code {done.returncode}: {done.stderr.strip()}")
    with open(os.path.join(run, "metrics.json"), encoding="utf-8") as file:
        return json.load(file)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as by Ctrl-C: the trial ends, its folder goes
    options = parse()
    base = effective(options)
    if os.path.getsize(os.path.join(base["data.path"], "test.pairs")):
        sys.exit(f"search: {base['data.path']} holds test pairs; prepare it with --test none")
    varied = [key for key, _ in options.space]
    head = [*varied, "seed", "best_epoch", "epochs", "targets",
            *(name if group == "all" else f"{group}_{name}" for group in GROUPS for name in METRICS), "seconds"]
    tried = set()
    if os.path.exists(options.log):
        with open(options.log, encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
        if rows[0] != head:
            sys.exit(f"search: {options.log} has other columns; give the same --vary in the same order, or another log")
        tried = {tuple(row[:len(varied)]) for row in rows[1:]}
    else:
        with open(options.log, "w", encoding="utf-8") as file:
            print(*head, sep="\t", file=file)

    left = options.trials
    for settings in draws(options.space, options.seed):
        values = [pair.partition("=")[2] for pair in settings]
        if left == 0:
            break
        if tuple(values) in tried:
            continue
        left -= 1
        folder = tempfile.mkdtemp(prefix="penstock-search.")
        try:
            result = train(options, settings, os.path.join(folder, "run"))
        finally:
            shutil.rmtree(folder)
        if [report["split"] for report in result["results"]] != ["valid"]:
            sys.exit("search: a run must report validation alone; prepare the dataset with --valid")
        training = result["training"]
        model = next(iter(result["results"][0]["models"].values()))
        row = [*values, str(result["seed"]), str(training["best_epoch"]), str(training["epochs"]),
               str(model["all"]["targets"]), *(f"{model[group][name]:.4f}" for group in GROUPS for name in METRICS),
               f"{training['seconds']:.0f}"]
        with open(options.log, "a", encoding="utf-8") as file:
            print(*row, sep="\t", file=file)
        print(*row, sep="\t", flush=True)


if __name__ == "__main__":
    main()
