"""What the checks share: the runs of tests/interop/run, their names, lists and sessions."""
import json
import sys
from pathlib import Path

import numpy as np

TOLERANCE = 1e-5


def rows(path):
    """The row of each original id in a .tsv of an export."""
    lines = path.read_text(encoding="utf-8").split("\n")[1:-1]
    return {name: int(row) for row, name in (line.split("\t", 1) for line in lines)}


class Export:
    def __init__(self, run):
        self.run, self.folder, self.name = run, run / "export", run.name
        self.card = json.loads((self.folder / "card.json").read_text(encoding="utf-8"))
        self.users, self.items = rows(self.folder / "users.tsv"), rows(self.folder / "items.tsv")
        self.of_sessions = "sessions" in self.card["data"]

    def known(self, side):
        """Rows of the users (or items) that are known to the model."""
        path, names = self.folder / f"{side}.known.npy", {"user": self.users, "item": self.items}[side]
        return np.flatnonzero(np.load(path)[:, 0]) if path.exists() else np.arange(len(names))

    def lists(self, given=True):
        """[(user or line, [(item, score), ...] best first), ...]; of cases where no sessions were given."""
        path = self.run / "lists.tsv" if self.of_sessions and given else self.folder / "top-10.tsv"
        found = {}
        for line in path.read_text(encoding="utf-8").split("\n")[1:-1]:
            user, _, item, score = line.split("\t")
            found.setdefault(user, []).append((self.items[item], float(score)))
        return list(found.items())

    def session(self, text):
        """Rows of the items of a line of sessions.txt, and numbers of what was done with them."""
        events = [event.rsplit(":", 1) if ":" in event else (event, None) for event in text.split()]
        operations = self.card["data"]["operations"]
        known = [(item, operation) for item, operation in events if item in self.items]
        return [self.items[item] for item, _ in known], [operations.index(o) if o else 0 for _, o in known]


def table(name):
    """The rows of a table of the folder, as dictionaries."""
    header, *lines = (Path(sys.argv[1]) / name).read_text(encoding="utf-8").split("\n")[:-1]
    return [dict(zip(header.split("\t"), line.split("\t"))) for line in lines]


def exports():
    work = Path(sys.argv[1])
    found = [Export(run) for run in sorted((work / "runs").iterdir())]
    assert found, "there are no runs"
    return found


def sessions():
    return (Path(sys.argv[1]) / "sessions.txt").read_text(encoding="utf-8").split("\n")[:-1]


def close(a, b):
    return abs(a - b) <= TOLERANCE * max(1, abs(a), abs(b))


def check_list(where, listed, scores):
    """A list's scores are these, and no other item belongs into it. Items whose scores are the same but for rounding may change places."""
    for item, score in listed:
        assert close(score, scores[item]), f"{where}: item {item} has {scores[item]}, not {score}"
    best = sorted(range(len(scores)), key=lambda i: -scores[i])[: len(listed)]
    for place, (item, score) in zip(best, listed):
        assert place == item or close(scores[place], score), f"{where}: item {place} belongs before {item}"
