"""torch_nmtr.py - the same training in PyTorch (Debian's python3-torch), for bench/run.py: NMTR-GMF as h.(p*q) and
NMTR-NeuMF as 192-96, two behaviours, logit_avg, E=64, Adagrad, batches of BATCH samples, one thread.

It does what Penstock does for a batch: takes shuffled positives, draws 4 negatives for each outside of the user's history (a matrix of
bits looked up for the whole batch at once, drawn again where they hit), computes, updates. The faster one of dense and sparse
embedding gradients counts, and the histories are random ones of the same sizes.

    torch_nmtr.py gmf|neumf USERS ITEMS PAIRS BATCH SECONDS      prints samples per second
"""
import sys
import time

import torch

E, R, HIDDEN = 64, 2, 96


class NMTR(torch.nn.Module):
    def __init__(self, kind, users, items, sparse):
        super().__init__()
        self.kind = kind
        self.user = torch.nn.Embedding(users, E, sparse=sparse)
        self.item = torch.nn.Embedding(items, E, sparse=sparse)
        self.bias = torch.nn.Embedding(items, 1, sparse=sparse)
        torch.nn.init.normal_(self.user.weight, std=0.01)
        torch.nn.init.normal_(self.item.weight, std=0.01)
        torch.nn.init.zeros_(self.bias.weight)
        if kind == "gmf":
            self.h = torch.nn.ParameterList([torch.nn.Parameter(torch.rand(E) - 0.5) for _ in range(R)])
        else:
            self.layer = torch.nn.ModuleList([torch.nn.Linear(3 * E, HIDDEN) for _ in range(R)])
            self.h = torch.nn.ParameterList([torch.nn.Parameter(torch.rand(HIDDEN) - 0.5) for _ in range(R)])

    def forward(self, user, item):
        p, q, b = self.user(user), self.item(item), self.bias(item).squeeze(1)
        pq = p * q
        x = pq if self.kind == "gmf" else torch.cat([p, q, pq], 1)
        z, logits = None, []
        for r in range(R):
            f = x @ self.h[r] if self.kind == "gmf" else torch.relu(self.layer[r](x)) @ self.h[r]
            z = f + b if z is None else (f + z) / 2 + b
            logits.append(z)
        return logits


def rate(kind, users, items, pairs, batch, seconds, sparse):
    torch.manual_seed(1)
    model = NMTR(kind, users, items, sparse)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
    loss = torch.nn.BCEWithLogitsLoss()
    user = torch.randint(users, (pairs,))
    item = torch.randint(items, (pairs,))
    label = torch.randint(2, (pairs, R)).float()
    seen = torch.zeros(users * items, dtype=torch.bool)
    seen[user * items + item] = True
    positives = batch // 5
    done, begin, warm = 0, time.perf_counter(), True
    while True:
        order = torch.randperm(pairs)
        for first in range(0, pairs - positives, positives):
            chosen = order[first:first + positives]
            u, i = user[chosen], item[chosen]
            negative_user = u.repeat_interleave(4)
            negative = torch.randint(items, (4 * positives,))
            hit = seen[negative_user * items + negative]
            while bool(hit.any()):
                where = hit.nonzero().squeeze(1)
                negative[where] = torch.randint(items, (len(where),))
                hit = torch.zeros_like(hit).index_put((where,), seen[negative_user[where] * items + negative[where]])
            all_labels = torch.cat([label[chosen], torch.zeros(4 * positives, R)])
            optimizer.zero_grad(set_to_none=True)
            logits = model(torch.cat([u, negative_user]), torch.cat([i, negative]))
            sum(loss(logits[r], all_labels[:, r]) / R for r in range(R)).backward()
            optimizer.step()
            done += 5 * positives
            now = time.perf_counter()
            if warm and now - begin > 0.3 * seconds:
                warm, done, begin = False, 0, now
            if not warm and now - begin > seconds:
                return done / (now - begin)


if __name__ == "__main__":
    torch.set_num_threads(1)
    kind, (users, items, pairs, batch), seconds = sys.argv[1], map(int, sys.argv[2:6]), float(sys.argv[6])
    print("%.0f" % max(rate(kind, users, items, pairs, batch, seconds / 2, sparse) for sparse in (False, True)))
