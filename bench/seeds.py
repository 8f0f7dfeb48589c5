#!/usr/bin/env python3
"""seeds.py - mean and standard deviation of test metrics over runs that differ in their seed.

    bench/seeds.py RUN RUN ...          (folders that penstock train or launch left behind)

Prints Markdown: a row for each model and group of targets, HR and NDCG at --topk. Deviations are the sample's (n - 1).
"""
import argparse
import json
import os
import statistics
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--topk", default="10,50,100", help="values of K (default 10,50,100)")
    options = parser.parse_args()
    ks = options.topk.split(",")
    seeds, results = [], []
    for run in options.runs:
        with open(os.path.join(run, "metrics.json"), encoding="utf-8") as file:
            metrics = json.load(file)
        test = [result for result in metrics["results"] if result["split"] == "test"]
        if not test:
            sys.exit(f"seeds: {run} has no test metrics; train on a dataset with test pairs")
        seeds.append(metrics["seed"])
        results.append(test[0])
    if any(result["protocol"] != results[0]["protocol"] for result in results):
        sys.exit("seeds: the runs were ranked under different protocols")
    if len(set(seeds)) < len(seeds):
        sys.exit("seeds: two runs have the same seed")
    protocol = results[0]["protocol"]
    print(f"{len(results)} runs, seeds {', '.join(map(str, seeds))}; {protocol['targets']} test targets, "
          f"mask={protocol['mask']}, ties={protocol['ties']}\n")
    print("| model | targets |", " | ".join(f"HR@{k} / NDCG@{k}" for k in ks), "|")
    print("|---|---|" + "---|" * len(ks))
    for model in results[0]["models"]:
        for group, first in results[0]["models"][model].items():
            if not first["targets"]:
                continue
            cells = []
            for k in ks:
                texts = []
                for name in (f"hr@{k}", f"ndcg@{k}"):
                    values = [result["models"][model][group][name] for result in results]
                    spread = statistics.stdev(values) if len(values) > 1 else 0
                    texts.append(f"{statistics.mean(values):.4f}" + (f" ±{spread:.4f}" if spread else ""))
                cells.append(" / ".join(texts))
            print(f"| {model} | {group} ({first['targets']}) |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
