"""How long a training of a language model stands still for a checkpoint.

Ours hands it over and computes the next step while it is copied and written; the other side saves
weights, optimizer, schedule and random numbers with ``torch.save`` and goes on after that.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from proofbook_subjects.foundry.checkpoints.saving import Saver
from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.data.batches import Batch, ResumableSampler
from proofbook_subjects.foundry.models import create_model
from proofbook_subjects.foundry.randomness import set_seed
from proofbook_subjects.foundry.training.state import TrainingState, build_state
from proofbook_subjects.foundry.training.step import Stepper

__all__ = ["Stall", "Training", "begin_training"]

_VOCABULARY, _LENGTH, _BATCH, _LAYERS = 8000, 64, 4, 8
_STEPS = 1_000_000


class Stall(NamedTuple):
    """What a checkpoint cost, in seconds."""

    still: float
    """That the training stood still."""
    written: float
    """From its beginning until it was on disk."""


class Training:
    """A training of a GPT on random tokens, that can save in two ways."""

    def __init__(self, state: TrainingState, folder: Path) -> None:
        self._state, self._folder = state, folder
        self._saver = Saver(folder / "ours", lambda words: None, keep=1)
        self._waited = 0.0
        self._stepper = Stepper(state, _batches(), before_change=self._release)
        self._stepper.make_step()
        self._saver.reserve(state.snapshot())
        self._saver.finish()

    @property
    def parameters(self) -> int:
        """Of its network."""
        return sum(each.numel() for each in self._state.model.parameters())

    def save_as_framework(self) -> Stall:
        """Save while the next step is computed."""
        began, self._waited = time.perf_counter(), 0.0
        handed = _timed(lambda: self._saver.save(self._state.snapshot()))
        self._stepper.make_step()
        self._saver.finish()
        return Stall(handed + self._waited, time.perf_counter() - began)

    def save_plainly(self) -> Stall:
        """Save with ``torch.save``, and make the next step after that."""
        import torch

        state, place = self._state, self._folder / "plain.pt"

        def save() -> None:
            torch.save({
                "model": state.model.state_dict(), "optimizer": state.optimizer.state_dict(),
                "scheduler": state.scheduler.state_dict(), "random": torch.get_rng_state(),
            }, place)  # fmt: skip

        still = _timed(save)
        place.unlink()
        self._stepper.make_step()
        return Stall(still, still)

    def _release(self) -> None:
        self._waited += _timed(self._saver.release)


def begin_training(width: int, folder: Path) -> Training:
    """Return a training whose first step is made.

    Args:
        width: Of its network, which has eight layers.
        folder: For what is saved.
    """
    import torch

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = ExperimentConfig.model_validate({
        "experiment_name": "saving",
        "data": {
            "source_corpus": "x", "training_corpus": "x", "batch_size": _BATCH,
            "max_sequence_length": _LENGTH,
        },
        "tokenizer": {"output_dir": "x", "vocab_size": _VOCABULARY},
        "model": {
            "layers": _LAYERS, "embedding_size": width, "hidden_size": width, "attention_heads": 4,
        },
        "training": {"output_dir": "x", "learning_rate": 1e-4, "train_steps": _STEPS},
    })  # fmt: skip
    set_seed(config.random_seed)
    model = create_model(config.model, _VOCABULARY, _LENGTH)
    sampler = ResumableSampler(_STEPS, _BATCH, config.random_seed)
    state = build_state(config, model, sampler, torch.device("cpu"), _STEPS, "", {})
    return Training(state, folder)


def _batches() -> Iterator[Batch]:
    import torch

    chance = torch.Generator().manual_seed(1)
    while True:
        ids = torch.randint(_VOCABULARY, (_BATCH, _LENGTH), generator=chance)
        yield Batch(ids, ids, None)


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
