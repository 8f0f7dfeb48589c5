"""torch_nmtr.py - the same models in PyTorch (Debian's python3-torch), for bench/run.sh: NMTR-GMF as h.(p*q) and
NMTR-NeuMF as 192-96, two behaviours, logit_avg, E=64, Adagrad, one thread.

Favours PyTorch: its samples are drawn once before the clock starts, no negative is rejected, nothing is shuffled. Sparse gradients are
used for the embeddings where they are faster; both ways are timed and the better one counts.

    torch_nmtr.py gmf|neumf USERS ITEMS BATCH SECONDS      prints samples per second
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


def rate(kind, users, items, batch, seconds, sparse):
    torch.manual_seed(1)
    model = NMTR(kind, users, items, sparse)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
    loss = torch.nn.BCEWithLogitsLoss()
    batches = [(torch.randint(users, (batch // 5,)).repeat_interleave(5), torch.randint(items, (batch // 5 * 5,)),
                [torch.randint(2, (batch // 5 * 5,)).float() for _ in range(R)]) for _ in range(32)]
    done, begin, warm = 0, time.perf_counter(), True
    while True:
        for user, item, label in batches:
            optimizer.zero_grad(set_to_none=True)
            logits = model(user, item)
            sum(loss(logits[r], label[r]) / R for r in range(R)).backward()
            optimizer.step()
            done += len(user)
            now = time.perf_counter()
            if warm and now - begin > 0.3 * seconds:
                warm, done, begin = False, 0, now
            if not warm and now - begin > seconds:
                return done / (now - begin)


if __name__ == "__main__":
    torch.set_num_threads(1)
    kind, (users, items, batch), seconds = sys.argv[1], map(int, sys.argv[2:5]), float(sys.argv[5])
    print("%.0f" % max(rate(kind, users, items, batch, seconds / 2, sparse) for sparse in (False, True)))
