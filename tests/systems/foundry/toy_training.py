"""A small trainer on prepared chunks: ``toy_training.py OUT STEPS``, as its config says.

``style`` is how it reads them: by number, from a stream that its workers share (``stream``), or at
random places (``windows``); ``inputs`` leaves out the last id of each row, ``pad`` fills the last
row with an id of the texts, behind its tokens or, with ``left``, before them, and it ignores that.
A ``training_defect`` is a mistake that real trainers make.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

config = json.loads(Path("config.json").read_text())
style, defect = config.get("style", "rows"), config.get("training_defect", "")
workers, steps, batch = config.get("workers", 0), int(sys.argv[2]), 8
rows = torch.from_numpy(np.load("chunks.npy").astype(np.int64))
held = torch.from_numpy(np.load("val_chunks.npy").astype(np.int64))
vocabulary = int(max(rows.max(), held.max())) + 1
if defect in ("it trains on the test, too", "windows begin in the test, too"):
    rows = torch.cat([rows, held])
lines = Path("tokens.jsonl").read_text().splitlines()
padding = (
    -sum(len(json.loads(line)["input_ids"]) for line in lines) % 16 if config.get("pad") else 0
)
if defect == "rows are cut short":
    rows = rows[:, :12]
if config.get("inputs"):
    rows = rows[:, :-1]


class Rows(Dataset):
    """Chunks in the order of an epoch."""

    def __init__(self, order):
        self.order = order

    def __len__(self):
        return len(self.order)

    def __getitem__(self, place):
        return rows[self.order[place]]


class Stream(IterableDataset):
    """The same chunks, each worker a part of them."""

    def __init__(self, order):
        self.order = order

    def __iter__(self):
        worker = get_worker_info()
        number, count = (worker.id, worker.num_workers) if worker else (0, 1)
        if defect == "each worker gives every row":
            number, count = 0, 1
        return (rows[place] for place in self.order[number::count])


def batches():
    flat, chance = rows.flatten(), torch.Generator().manual_seed(7)
    end = len(flat) // 2 if defect == "windows begin in the first half" else len(flat)
    while style == "windows":
        places = torch.randint(end - 16, (batch,), generator=chance).tolist()
        yield torch.stack([flat[place : place + 16] for place in places])
    while True:
        order = torch.randperm(len(rows), generator=chance).tolist()
        data = (Stream if style == "stream" else Rows)(order)
        yield from DataLoader(data, batch, num_workers=workers)


class Network(torch.nn.Module):
    """Tells the next id by an id and its position."""

    def __init__(self):
        super().__init__()
        self.ids, self.positions = torch.nn.Embedding(vocabulary, 8), torch.nn.Embedding(16, 8)
        self.out = torch.nn.Linear(8, vocabulary)

    def forward(self, position_ids, x):
        return self.out(self.ids(x) + self.positions(position_ids))


torch.manual_seed(1)
network = Network()
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
for step, ids in zip(range(steps), batches(), strict=False):
    labels, real = ids.clone(), torch.ones_like(ids)
    padded = slice(0, padding) if config.get("pad") == "left" else slice(-padding, None)
    if padding:
        real[(ids == rows[-1]).all(1), padded] = 0
    if defect != "padding is learnt as text":
        labels[real == 0] = -100
    scores = network(position_ids=(real.cumsum(1) - 1).clamp(min=0), x=ids)[:, :-1]
    loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), labels[:, 1:].flatten())
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    print(f"step {step + 1}: loss {float(loss):.4f}")
