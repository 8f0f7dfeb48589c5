#!/usr/bin/env python3
"""The event files of a run, read back by TensorBoard itself: every scalar is there, at its epoch, with the value that the run's log has.

    PENSTOCK=bin/penstock python3 tests/interop/tensorboard_events.py

Needs tensorboard from PyPI. PENSTOCK is the program (default: bin/penstock of this checkout).
"""
import json
import os
import pathlib
import subprocess
import tempfile

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = pathlib.Path(__file__).resolve().parents[2]
PENSTOCK = str(pathlib.Path(os.environ.get("PENSTOCK", ROOT / "bin" / "penstock")).resolve())


def penstock(*arguments):
    subprocess.run([PENSTOCK, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def read(folder):
    """Every scalar of a folder of event files as {tag: {step: value}}."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: {e.step: e.value for e in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def near(a, b):
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b), 1e-12) + 1e-7


def main():
    with tempfile.TemporaryDirectory() as home:
        os.chdir(home)
        penstock("synth", "--out", "log.tsv", "--users", "400", "--items", "250", "--interactions", "16000")
        penstock("prepare", "--out", "data", "--behaviours", "view,cart,buy", "log.tsv")
        pathlib.Path("run.yaml").write_text("data:\n  path: data\nmodel:\n  embedding: 16\ntrain:\n  epochs: 3\n  batch: 512\n  lanes: 8\n")
        penstock("train", "run.yaml", "--run", "run")
        scalars = read("run/tensorboard")
        log = [json.loads(line) for line in open("run/log.jsonl")]
        epochs = [e for e in log if e["event"] == "epoch"]
        assert epochs, "the run has no epochs"
        for e in epochs:
            assert near(scalars["train/loss"][e["epoch"]], e["loss"]), (e, scalars["train/loss"])
            assert abs(scalars["train/samples_per_second"][e["epoch"]] / e["samples_per_second"] - 1) < 1e-3
        for v in (e for e in log if e["event"] == "validation"):
            k = v["metric"].split("@")[1]
            for name in ("hr", "ndcg", "mrr"):
                assert near(scalars[f"validation/{name}@{k}"][v["epoch"]], v[name]), (v, name)
        for role in ("workers", "servers"):
            for e in epochs:
                shares = [steps[e["epoch"]] for tag, steps in scalars.items() if tag.startswith(f"phases_{role}/")]
                assert abs(sum(shares) - 1) < 1e-4, (role, shares)
        results = {r["split"]: r for r in json.load(open("run/metrics.json"))["results"]}
        model = json.load(open("run/metrics.json"))["model"]
        for name, value in results["test"]["models"][model]["all"].items():
            if name.startswith(("hr@", "ndcg@")):
                (found,) = scalars[f"test/{name}"].values()
                assert near(found, value), (name, found, value)
        print(f"tensorboard reads {len(scalars)} scalars of {len(epochs)} epochs")


if __name__ == "__main__":
    main()
