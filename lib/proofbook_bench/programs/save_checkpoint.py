"""``python -m proofbook_bench.programs.save_checkpoint SIDE PARAMETERS SECONDS STEPS FOLDER``.

Saves a network and its optimizer twice, by the reference trainer's saver (``subject``) or by
Accelerate (``peer``), and prints what that cost as JSON. Passes are those of a small network, for
as long as a step takes; nothing of what is saved changes between the ends of two steps.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator

from proofbook_subjects.dreambooth.saving import Saver
from proofbook_subjects.dreambooth.settings import Settings
from proofbook_subjects.dreambooth.state import State

__all__ = ["main"]

_WIDTH = 1280
_SAVES = 2


class _Trained(NamedTuple):
    """A network of full size, and what trains it."""

    network: torch.nn.Module
    optimizer: torch.optim.Optimizer
    pace: torch.optim.lr_scheduler.LRScheduler


class _Passes:
    """Forward and backward passes of a small network, as many as a step's seconds hold."""

    def __init__(self, step_seconds: float) -> None:
        self._small = torch.nn.Sequential(*(torch.nn.Linear(256, 256) for _ in range(4)))
        self._run(200)
        fastest = min(_timed(lambda: self._run(200)) for _ in range(3))
        self._count = max(1, int(200 * step_seconds / fastest))
        self.undisturbed = min(_timed(self.step) for _ in range(2))
        """Seconds of a step while nothing is saved."""

    def step(self) -> None:
        """Compute as long as a step takes."""
        self._run(self._count)

    def _run(self, count: int) -> None:
        for _ in range(count):
            loss = self._small(torch.randn(64, 256)).square().mean()
            torch.autograd.backward(loss)


def main(side: str, parameters: str, step_seconds: str, steps: str, folder: str) -> int:
    """Save as the command line says, print the costs, and return 0."""
    torch.manual_seed(0)
    seconds, place = float(step_seconds), Path(folder)
    trained, passes = _build(int(parameters)), _Passes(seconds)
    if side == "subject":
        costs = _save_as_trainer(trained, passes, int(steps), place)
    else:
        costs = _save_with_accelerate(trained, place)
    print(json.dumps(costs))  # noqa: T201 - this is how it answers
    shutil.rmtree(place)
    return 0


def _build(parameters: int) -> _Trained:
    count = max(1, parameters // (2 * _WIDTH * _WIDTH))
    layers = [torch.nn.Linear(_WIDTH, 2 * _WIDTH, bias=False) for _ in range(count)]
    network = torch.nn.Sequential(*layers)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5)
    for weight in network.parameters():
        optimizer.state[weight] = {
            "step": torch.tensor(1.0), "exp_avg": torch.randn_like(weight),
            "exp_avg_sq": torch.rand_like(weight),
        }  # fmt: skip
    return _Trained(network, optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1))


def _save_as_trainer(
    trained: _Trained, passes: _Passes, steps: int, folder: Path
) -> dict[str, Any]:
    state: Any = State(
        settings=Settings(
            base_model="x", instance_data_dir=Path("x"), instance_prompt="x", output_dir=folder
        ),
        accelerator=Accelerator(),
        networks=SimpleNamespace(trained=(trained.network,)),  # type: ignore[arg-type]  # all it saves
        prepared=(), optimizer=trained.optimizer, scheduler=trained.pace,
    )  # fmt: skip
    saver = Saver(folder, lambda words: None, 0)
    saver.reserve(state.snapshot())  # as the trainer does after its first step
    saver.finish()
    waits, slowed, left = [], 0.0, 0.0
    for number in range(1, _SAVES + 1):
        state.step = number
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        wait, slowed = _timed(lambda: saver.save(state.snapshot())), 0.0
        for _ in range(steps):
            slowed += max(0.0, _timed(passes.step) - passes.undisturbed)
            wait += _timed(saver.release)
            if not saver.writing:
                break
        waits.append(wait)
        left = _timed(saver.finish)
    return {"stall": waits, "slowed": slowed, "left": left}


def _save_with_accelerate(trained: _Trained, folder: Path) -> dict[str, Any]:
    accelerator: Any = Accelerator()
    accelerator.prepare(trained.network, trained.optimizer)
    waits = []
    for _ in range(_SAVES):
        shutil.rmtree(folder, ignore_errors=True)
        waits.append(_timed(lambda: accelerator.save_state(str(folder / "state"))))
    return {"stall": waits, "slowed": 0.0, "left": 0.0}


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
