"""What another program makes of Penstock's results, with nothing but Python's standard library.

  interop_results.py held-out LOG TEST REST [MOST]    takes each user's last purchase out of a log, or up to MOST of the last half
  interop_results.py lists LOG TSV K  lists are well formed: ids, ranks, no item that the user has bought
  interop_results.py agree TEST TSV JSON MODEL   metrics recomputed from the lists are those of `penstock evaluate`
  interop_results.py several TEST LOG TSV MODEL TARGETS USERS    the same for several targets a user, from lists of all items that the user has
                     not bought, for the two results whose means are over targets and over users; coverage and novelty too
  interop_results.py sampled JSON MODEL N    a result among N drawn candidates says so, and can be one
  interop_results.py compared JSON A B MODEL    the difference that `penstock compare` shows is that of two metrics.json
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


def held_out(log, test, rest, most=1):
    events = rows(log)
    bought = {}
    for event in sorted(events, key=lambda event: int(event["timestamp"]), reverse=True):
        if event["behaviour"] == "buy":
            bought.setdefault(event["user"], {})[event["item"]] = True
    pairs = {(user, item) for user, own in bought.items() for item in list(own)[:min(int(most), max(1, len(own) // 2))]}
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


def several(test, log, tsv, model, of_targets, of_users):
    held, events, found = {}, rows(log), read_lists(tsv)
    for row in rows(test):
        held.setdefault(row["user"], set()).add(row["item"])
    seen, bought, buyers = set(), {}, {}
    for event in events:
        if event["behaviour"] == "buy":
            bought.setdefault(event["user"], set()).add(event["item"])
        else:
            seen.add((event["user"], event["item"]))
    users = {event["user"] for event in events}
    items = len({event["item"] for event in events})
    for own in bought.values():
        for item in own:
            buyers[item] = buyers.get(item, 0) + 1
    ks = [1, 10, 50]

    def measure(order, targets):
        at = [place for place, item in enumerate(order, 1) if item in targets]
        check(len(at) == len(targets), "a list lacks a target")
        own = {"auc": sum(sum(1 for item in order[place:] if item not in targets) for place in at)
                      / (len(targets) * (len(order) - len(targets)))}
        for k in ks:
            hits = [(place, number) for number, place in enumerate(at, 1) if place <= k]
            best = sum(1 / math.log2(place + 1) for place in range(1, min(k, len(targets)) + 1))
            own |= {f"hr@{k}": bool(hits), f"recall@{k}": len(hits) / len(targets), f"precision@{k}": len(hits) / k,
                    f"mrr@{k}": 1 / at[0] if at[0] <= k else 0,
                    f"ndcg@{k}": sum(1 / math.log2(place + 1) for place, _ in hits) / best,
                    f"map@{k}": sum(number / place for place, number in hits) / min(k, len(targets))}
        return own

    cases = {"targets": {"all": [], "seen": [], "unseen": []}, "users": {"all": [], "seen": [], "unseen": []}}
    covered = {k: set() for k in ks}
    for user, targets in held.items():
        order = [item for _, item, _ in found[user]]
        surprise = {f"novelty@{k}": sum(math.log2((1 + len(users)) / (1 + buyers.get(item, 0))) for item in order[:k]) / k for k in ks}
        for k in ks:
            covered[k] |= set(order[:k])
        touched = {item for item in targets if (user, item) in seen}
        for group, own in (("all", targets), ("seen", touched), ("unseen", targets - touched)):
            if own:
                kept = [item for item in order if item in own or item not in targets]
                cases["users"][group].append(measure(kept, own) | surprise)
            for target in own:
                kept = [item for item in order if item == target or item not in targets]
                cases["targets"][group].append(measure(kept, {target}) | surprise)
    for mean, path in (("targets", of_targets), ("users", of_users)):
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        check(report["protocol"]["mean"] == mean, f"{path} does not say that its means are over {mean}")
        for group, want in cases[mean].items():
            have = report["models"][model][group]
            check(have.get("users", have["targets"]) == len(want), f"{path} has other numbers of {group} than the log")
            for name in want[0]:
                value = sum(case[name] for case in want) / len(want)
                near = 1e-6 if name.startswith("novelty") else 1e-8
                check(abs(value - have[name]) < near, f"{path}: {group}: {name} is {have[name]}, by the lists {value:.8f}")
        for k in ks:
            have = report["models"][model]["all"][f"coverage@{k}"]
            check(abs(have - len(covered[k]) / items) < 1e-8, f"{path}: coverage@{k} is {have}")
        low, high = report["intervals"][model]["all"]["ndcg@10"]
        check(low < report["models"][model]["all"]["ndcg@10"] < high, f"{path}: NDCG@10 is not in its interval, {low} to {high}")
    check(max(map(len, held.values())) > 2, "no user has several targets")


def sampled(path, model, n):
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    check(report["protocol"]["candidates"] == f"{n} sampled" and report["protocol"]["mask"] == "any", f"{path} says {report['protocol']}")
    own = report["models"][model]["all"]
    check(own[f"hr@{int(n) + 1}"] == 1, "a target is not among the candidates")
    check(0 < own["hr@1"] < own["hr@10"] < 1, f"HR@1 is {own['hr@1']}, HR@10 is {own['hr@10']}")


def compared(path, a, b, model):
    means = []
    for run in (a, b):
        with open(f"{run}/metrics.json", encoding="utf-8") as file:
            means.append([r for r in json.load(file)["results"] if r["split"] == "test"][0]["models"][model]["all"])
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    check(list(report["metrics"]) == ["hr@10", "hr@50", "ndcg@10", "ndcg@50", "auc"], f"{path} has {list(report['metrics'])}")
    for name, row in report["metrics"].items():
        difference = means[0][name] - means[1][name]
        check(abs(row["first"] - means[0][name]) < 2e-8 and abs(row["difference"] - difference) < 2e-8, f"{name} is {row}")
        check(row["interval"][0] <= row["difference"] <= row["interval"][1], f"{name}: {row}")
        check(row["better"] + row["same"] + row["worse"] == report["users"], f"{name}: {row}")
        check(0 < row["p"] <= 1, f"{name}: {row}")


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


{"held-out": held_out, "lists": lists, "agree": agree, "several": several, "sampled": sampled, "compared": compared, "ties": ties,
 "npy": npy, "json": valid_json}[sys.argv[1]](*sys.argv[2:])
