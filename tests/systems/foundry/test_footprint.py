"""What a training takes of memory, beside what its sizes need: the check of foundry/full_run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from proofbook_systems.foundry.footprint import Footprint, estimate_footprint
from proofbook_systems.foundry.model_sizes import Sizes
from proofbook_systems.training.running import run_training
from proofbook_systems.training.trainer import Trainer

pytestmark = pytest.mark.slow

FACTOR = 3.0
"""The runbook's default."""
ROWS, LENGTH, VOCABULARY, WIDTH = 4, 32, 400, 64
PROGRAM = f"""
import sys, time
import torch

embedding, layer = torch.nn.Embedding({VOCABULARY}, {WIDTH}), torch.nn.Linear({WIDTH}, {VOCABULARY})
optimizer = torch.optim.AdamW([*embedding.parameters(), *layer.parameters()])


class Ids(torch.utils.data.Dataset):
    def __len__(self):
        return {10 * ROWS}

    def __getitem__(self, place):
        return torch.arange({LENGTH}) + place


kept = []
loader = torch.utils.data.DataLoader(Ids(), {ROWS}, num_workers=int(sys.argv[2]))
for step, ids in enumerate(loader):
    loss = torch.nn.functional.cross_entropy(layer(embedding(ids)).flatten(0, 1), ids.flatten())
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    if sys.argv[3] == "keeps":  # what it computed in every step, as a list of losses may
        kept.append(torch.ones(200_000_000 // 4).add_(step))
    print(f"step {{step + 1}}: loss {{float(loss.detach()):.4f}}", flush=True)
time.sleep(2)  # for whoever looks at its memory, on a busy machine too
"""


def peak_of(folder: Path, workers: int, kind: str) -> tuple[Trainer, float]:
    """Return a trainer, and the peak of its processes in MB."""
    (folder / "train.py").write_text(PROGRAM)
    words = (sys.executable, "train.py", "{output_dir}", str(workers), kind)
    trainer = Trainer(train=words, resume=words, config_file=None, project=folder, steps=0)
    return trainer, run_training(trainer, folder / "out", 300).peak_memory


@pytest.fixture(scope="module")
def due(tmp_path_factory: pytest.TempPathFactory) -> Footprint:
    trainer, _ = peak_of(tmp_path_factory.mktemp("due"), 0, "right")
    parameters = 2 * VOCABULARY * WIDTH + VOCABULARY
    return estimate_footprint(trainer, Sizes(1, WIDTH, VOCABULARY, parameters), ROWS * LENGTH, 300)


@pytest.mark.exhaustive
def test_a_training_with_workers_takes_what_is_due(due: Footprint, tmp_path: Path) -> None:
    assert peak_of(tmp_path, 2, "right")[1] <= FACTOR * due.total, due.words


@pytest.mark.exhaustive
def test_a_training_that_keeps_what_it_computed_takes_more(due: Footprint, tmp_path: Path) -> None:
    assert peak_of(tmp_path, 0, "keeps")[1] > FACTOR * due.total, due.words
