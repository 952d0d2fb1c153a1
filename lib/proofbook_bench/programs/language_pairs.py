"""``python -m proofbook_bench.programs.language_pairs CONFIG STEPS ROUNDS``: two loops in turns.

Trains by our framework, as ``foundry run`` does, and by a plain PyTorch loop, in one process, so
that both have the same memory, caches and threads. Prints, as JSON, for each round and side the
seconds of a step: of the processor, and by the clock. The first steps of each training do not
count. The network, the chunks, the optimizer and the batch of the plain loop are those of the
config; it has no checkpoints, no log, no signals, and random numbers as they come.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset
from transformers import get_scheduler

from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.config_files import load_config
from proofbook_subjects.foundry.models import create_model
from proofbook_subjects.foundry.preparation import Preparation
from proofbook_subjects.foundry.trainer import train
from proofbook_subjects.foundry.training.stopping import Stopping

__all__ = ["main"]

_WARM_UP = 10
"""Steps that do not count: memory is made then."""


class _Ticks:
    """Processor and clock at the beginning of each step."""

    def __init__(self) -> None:
        self._cpu: list[float] = []
        self._wall: list[float] = []

    def tick(self) -> None:
        self._cpu.append(time.process_time())
        self._wall.append(time.perf_counter())

    def per_step(self, steps: int) -> tuple[float, float]:
        """Return the seconds of a step, of the ``steps`` after the first ones."""
        first, last = _WARM_UP, _WARM_UP + steps
        return tuple((each[last] - each[first]) / steps for each in (self._cpu, self._wall))  # type: ignore[return-value]


class _Asked(Stopping):
    """Asks for no stop; the trainer asks it before each step, which is noted."""

    def __init__(self, ticks: _Ticks) -> None:
        super().__init__()
        self._ticks = ticks

    def __bool__(self) -> bool:
        self._ticks.tick()
        return super().__bool__()


def main(path: Path, steps: int, rounds: int) -> None:
    """Train in turns, and print what steps took."""
    config = load_config(path, {"training.train_steps": _WARM_UP + steps + 1})
    sides = {"subject": _train_framework, "peer": _train_plainly}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            ticks = _Ticks()
            with contextlib.redirect_stdout(io.StringIO()):
                side(config, path.parent, ticks)
            found[name].append(ticks.per_step(steps))
    print(json.dumps(found))  # noqa: T201 - this is how it answers


def _train_framework(config: ExperimentConfig, project: Path, ticks: _Ticks) -> None:
    shutil.rmtree(project / config.training.output_dir, ignore_errors=True)
    asked = _Asked(ticks)
    # What it asks before its first step is no step's beginning.
    train(config, project, stopping=asked)


def _train_plainly(config: ExperimentConfig, project: Path, ticks: _Ticks) -> None:
    training, steps = config.training, config.training.train_steps or 0
    torch.manual_seed(config.random_seed)
    model = create_model(
        config.model, config.tokenizer.vocab_size, config.data.max_sequence_length, "sdpa"
    ).train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=training.learning_rate, eps=training.adam_epsilon,
        betas=(training.adam_beta1, training.adam_beta2), weight_decay=training.weight_decay,
    )  # fmt: skip
    schedule = get_scheduler(training.lr_scheduler, optimizer, 4, steps)
    loader, done, loss = _loader(config, project), 0, None
    while done < steps:
        for (ids,) in loader:
            ticks.tick()
            logits = model(input_ids=ids).logits[:, :-1]
            loss = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
            torch.autograd.backward(loss)
            if training.max_grad_norm is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), training.max_grad_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            done += 1
            if done == steps:
                break
    ticks.tick()


def _loader(config: ExperimentConfig, project: Path) -> Any:
    chunks = Preparation(config, project, bool).prepare().training
    whole = torch.from_numpy(np.asarray(chunks.values).astype(np.int64))
    return DataLoader(TensorDataset(whole), config.data.batch_size, shuffle=True, drop_last=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
