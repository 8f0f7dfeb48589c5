"""Every exported scoring function, run by onnxruntime: the scores of `penstock recommend` to 1e-5, and the same lists."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "lib"))
import numpy as np
import onnx
import onnxruntime
from exports import check_list, exports, rows, sessions, table


def open_model(export):
    path = str(export.folder / "model.onnx")
    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def check_pairs(export, model):
    items = np.arange(len(export.items), dtype=np.int64)
    lists = export.lists()
    assert len(lists) == len(export.users)
    for user, listed in lists:
        row = np.full(len(items), export.users[user], dtype=np.int64)
        (scores,) = model.run(["score"], {"user": row, "item": items})
        check_list(f"{export.name}, user {user}", listed, scores)
    popularity = np.load(export.folder / "item.popularity.npy")[:, 0]
    known = export.known("item")
    popularity[np.setdiff1d(items, known)] = -np.inf
    (scores,) = model.run(["score"], {"user": np.full(len(items), -1), "item": items})
    assert np.array_equal(scores, popularity), f"{export.name}: an unknown user has not the popular items"
    (scores,) = model.run(["score"], {"user": np.array([0, -1]), "item": np.array([-1, -1])})
    assert np.all(scores == -np.inf), f"{export.name}: an unknown item is ranked"
    return len(lists) + 2


def check_sessions(export, model):
    items = np.arange(len(export.items), dtype=np.int64)
    lines, wanted, lists = sessions(), {i.name for i in model.get_inputs()}, export.lists()
    assert {"session", "item"} <= wanted and len(lists) > 0.9 * len(lines)
    for line, listed in lists:
        steps, operations = export.session(lines[int(line) - 1])
        feed = {"session": steps, "operation": operations, "visitor": [-1], "item": items}
        feed = {name: np.array(value, dtype=np.int64) for name, value in feed.items() if name in wanted}
        (scores,) = model.run(["score"], feed)
        check_list(f"{export.name}, session {line}", listed, scores)
    feed["item"] = np.array([export.known("item")[0], -1, export.known("item")[0]])
    (scores,) = model.run(["score"], feed)
    assert scores[1] == -np.inf and scores[0] == scores[2] > -np.inf, f"{export.name}: an unknown item is ranked"
    return len(lists) + 1


def check_cases(export, model, visitors):
    """Held-out cases, whose visitors are known."""
    cases = {case["case"]: case for case in table("cases.tsv")}
    rows_of, names = rows(export.folder / "visitors.tsv"), export.card["data"]["operations"]
    items, lists = np.arange(len(export.items), dtype=np.int64), export.lists(given=False)
    lists = [(name, listed) for name, listed in lists if name in cases]
    lists = lists[:: max(1, len(lists) // 40)]
    for name, listed in lists:
        case = cases[name]
        steps = [(i, o) for i, o in zip(case["items"].split(), case["operations"].split()) if o != "shown"]
        feed = {
            "session": [export.items[item] for item, _ in steps],
            "operation": [names.index(operation) for _, operation in steps],
            "visitor": [rows_of[visitors[name.rsplit("/", 1)[0]]]],
            "item": items,
        }
        wanted = {i.name for i in model.get_inputs()}
        (scores,) = model.run(["score"], {name: np.array(value, dtype=np.int64) for name, value in feed.items() if name in wanted})
        check_list(f"{export.name}, case {name}", listed, scores)
    return len(lists)


visitors = {event["session"]: event["user"] for event in table("sessions.tsv")}
checked = models = 0
for export in exports():
    if not (export.folder / "model.onnx").exists():
        assert export.card["model"]["name"] == "mfpr", f"{export.name} has no ONNX file"
        continue
    model = open_model(export)
    checked += check_sessions(export, model) if export.of_sessions else check_pairs(export, model)
    if export.of_sessions:
        checked += check_cases(export, model, visitors)
    if export.name in ("bpr-grown", "gmf-grown", "nmtr_gmf-ids", "srgnn-ids"):
        unknown = len(export.items) - len(export.known("item")), len(export.users) - len(export.known("user"))
        assert any(unknown), f"{export.name} knows all, so nothing is tested"
    models += 1
    print(f"{export.name}: ok")
assert models > 0
print(f"onnxruntime {onnxruntime.__version__}: {models} models, {checked} lists")
