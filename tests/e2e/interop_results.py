"""What another program makes of Penstock's results, with nothing but Python's standard library.

  interop_results.py held-out LOG TEST REST      takes each user's last purchase out of a log
  interop_results.py lists LOG TSV K  lists are well formed: ids, ranks, no item that the user has bought
  interop_results.py agree TEST TSV JSON MODEL   metrics recomputed from the lists are those of `penstock evaluate`
  interop_results.py ties STANDARD EXPECTED CONSERVATIVE    three results of evaluate, which differ in the tie rule only
  interop_results.py npy FOLDER LOG WIDTH        .npy files hold what their headers say, beside the original ids
  interop_results.py json FILE...                every line (.jsonl), or the whole, is valid JSON

Each ends with one sentence and status 1 where something does not agree.
"""
import array
import ast
import json
import math
import os
import sys


def rows(path):
    with open(path, encoding="utf-8") as lines:
        head = next(lines).rstrip("\n").split("\t")
        return [dict(zip(head, line.rstrip("\n").split("\t"))) for line in lines]


def check(condition, sentence):
    if not condition:
        sys.exit(sentence)


def held_out(log, test, rest):
    events = rows(log)
    last = {}
    for event in events:
        if event["behaviour"] == "buy" and (event["user"] not in last
                                            or int(event["timestamp"]) >= int(last[event["user"]]["timestamp"])):
            last[event["user"]] = event
    pairs = {(e["user"], e["item"]) for e in last.values()}
    with open(test, "w", encoding="utf-8") as to:
        to.write("user\titem\n")
        to.writelines(f"{user}\t{item}\n" for user, item in sorted(pairs))
    with open(rest, "w", encoding="utf-8") as to:
        to.write("user\titem\tbehaviour\ttimestamp\n")
        to.writelines("\t".join(e.values()) + "\n" for e in events
                      if e["behaviour"] != "buy" or (e["user"], e["item"]) not in pairs)


def read_lists(tsv):
    lists = {}
    for row in rows(tsv):
        lists.setdefault(row["user"], []).append((int(row["rank"]), row["item"], float(row["score"])))
    return lists


def lists(log, tsv, k):
    events = rows(log)
    users, items = {e["user"] for e in events}, {e["item"] for e in events}
    bought = {(e["user"], e["item"]) for e in events if e["behaviour"] == "buy"}
    found = read_lists(tsv)
    check(set(found) == users, f"{tsv} has lists of {len(found)} users, the log has {len(users)} users")
    for user, entries in found.items():
        check([rank for rank, _, _ in entries] == list(range(1, int(k) + 1)), f"ranks of {user} are not 1 to {k}")
        check(len({item for _, item, _ in entries} & items) == int(k), f"items of {user} are repeated or unknown")
        scores = [score for _, _, score in entries]
        check(scores == sorted(scores, reverse=True), f"scores of {user} do not descend")
        check(not [i for _, i, _ in entries if (user, i) in bought], f"{user} has bought a recommended item already")


def agree(test, tsv, result, model):
    with open(result, encoding="utf-8") as file:
        report = json.load(file)
    want = report["models"][model]["all"]
    targets = [(row["user"], row["item"]) for row in rows(test)]
    check(want["targets"] == len(targets), f"evaluate has {want['targets']} targets, there are {len(targets)}")
    place = {(user, item): rank for user, entries in read_lists(tsv).items() for rank, item, _ in entries}
    ks = sorted(int(name[3:]) for name in want if name.startswith("hr@"))
    check(ks == [1, 10, 50], f"evaluate answered for K = {ks}")
    for k in ks:
        ranks = [place[pair] for pair in targets if place.get(pair, k + 1) <= k]
        have = {"hr": len(ranks) / len(targets),
                "ndcg": sum(1 / math.log2(rank + 1) for rank in ranks) / len(targets),
                "mrr": sum(1 / rank for rank in ranks) / len(targets)}
        for name, value in have.items():
            check(abs(value - want[f"{name}@{k}"]) < 1e-8,
                  f"{name}@{k} is {want[f'{name}@{k}']} by evaluate, {value:.8f} by the lists")
    check(0 < want["hr@10"] < 1, "no target, or every target, is among the first 10: nothing was compared")


def ties(*paths):
    values = []
    for path, name in zip(paths, ("standard", "expected", "conservative")):
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        check(report["protocol"]["ties"] == name, f"{path} does not say that its ties are '{name}'")
        values.append({(model, group, metric): value for model, groups in report["models"].items()
                       for group, metrics in groups.items() for metric, value in metrics.items()})
    for key in values[0]:
        check(values[0][key] >= values[1][key] >= values[2][key], f"{key}: {[v[key] for v in values]} do not descend")
    key = ("popularity", "all", "hr@10")
    check(values[0][key] > values[1][key] > values[2][key], f"{key}: the rule has ties, yet {[v[key] for v in values]}")


def read_npy(path):
    with open(path, "rb") as file:
        check(file.read(8) == b"\x93NUMPY\x01\x00", f"{path} does not begin as .npy 1.0 does")
        length = int.from_bytes(file.read(2), "little")
        check((10 + length) % 64 == 0, f"the header of {path} is not aligned")
        header = ast.literal_eval(file.read(length).decode("latin-1"))
        check(header["descr"] == "<f4" and header["fortran_order"] is False, f"{path} says {header}")
        values = array.array("f")
        values.frombytes(file.read())
    if sys.byteorder == "big":
        values.byteswap()
    shape = header["shape"]
    check(len(values) == math.prod(shape), f"{path} holds {len(values)} values for the shape {shape}")
    check(all(map(math.isfinite, values)), f"{path} holds values that are not finite")
    try:
        import numpy
    except ImportError:
        pass
    else:
        check(numpy.load(path).shape == shape, f"numpy reads another shape than {shape} from {path}")
    return shape, values


def npy(folder, log, width):
    events = rows(log)
    for entity in ("user", "item"):
        names = rows(f"{folder}/{entity}s.tsv")
        check([row["row"] for row in names] == [str(i) for i in range(len(names))], f"{entity}s.tsv does not count up")
        check({row["id"] for row in names} == {e[entity] for e in events}, f"{entity}s.tsv has other names than the log")
        found = [f for f in os.listdir(folder) if f.startswith(entity + ".") and f.endswith(".npy")]
        check(entity + ".embedding.npy" in found, f"there is no {entity}.embedding.npy")
        for name in found:
            shape, values = read_npy(f"{folder}/{name}")
            check(shape[0] == len(names), f"{name} has {shape[0]} rows for {len(names)} {entity}s")
            if name == entity + ".embedding.npy":
                check(shape[1] == int(width), f"{name} is {shape[1]} wide instead of {width}")
                distinct = {tuple(values[i * shape[1]:(i + 1) * shape[1]]) for i in range(shape[0])}
                check(len(distinct) == shape[0], f"{name} has {len(distinct)} distinct rows of {shape[0]}")
    for name in os.listdir(folder):
        if name.endswith(".npy"):
            read_npy(f"{folder}/{name}")


def valid_json(*paths):
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for number, part in enumerate(file if path.endswith(".jsonl") else [file.read()], 1):
                try:
                    json.loads(part)
                except ValueError as error:
                    sys.exit(f"{path}:{number}: {error}")


{"held-out": held_out, "lists": lists, "agree": agree, "ties": ties, "npy": npy, "json": valid_json}[sys.argv[1]](
    *sys.argv[2:])
