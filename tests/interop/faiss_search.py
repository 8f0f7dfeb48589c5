"""Where a score is an inner product, faiss finds the lists of `penstock recommend` by item.vector."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "lib"))
import faiss
import numpy as np
import onnxruntime
from exports import check_list, exports, sessions


def queries(export, lists):
    if not export.of_sessions:
        vectors = np.load(export.folder / "user.vector.npy")
        return np.stack([vectors[export.users[user]] for user, _ in lists])
    model = onnxruntime.InferenceSession(str(export.folder / "model.onnx"), providers=["CPUExecutionProvider"])
    wanted, lines, found = {i.name for i in model.get_inputs()}, sessions(), []
    for line, _ in lists:
        steps, operations = export.session(lines[int(line) - 1])
        feed = {"session": steps, "operation": operations, "visitor": [-1], "item": []}
        found += model.run(["query"], {name: np.array(value, dtype=np.int64) for name, value in feed.items() if name in wanted})
    return np.concatenate(found)


models = lists_found = 0
for export in exports():
    path = export.folder / "item.vector.npy"
    assert path.exists() == export.card["model"]["inner_product"], export.name
    if not path.exists():
        continue
    items, lists = np.load(path), export.lists()
    if not export.of_sessions: # who is not known has the popular items
        users = set(export.known("user"))
        lists = [(who, listed) for who, listed in lists if export.users[who] in users]
    known = export.known("item")
    index = faiss.IndexIDMap(faiss.IndexFlatIP(items.shape[1]))
    index.add_with_ids(items[known], known)
    scores, found = index.search(queries(export, lists), 10)
    for (who, listed), score, row in zip(lists, scores, found):
        every = np.full(len(items), -np.inf)
        every[row[row >= 0]] = score[row >= 0]
        check_list(f"{export.name}, {who}", [entry for entry in listed if entry[1] > -np.inf], every)
        lists_found += 1
    models += 1
assert models > 0
print(f"faiss {faiss.__version__}: {models} models, {lists_found} lists")
