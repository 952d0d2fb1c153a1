"""Resuming with the small framework: cut at an exact pass of an exact step, and taken up again."""

from __future__ import annotations

import functools
import signal
import tempfile
from pathlib import Path
from typing import Any

from proofbook.files import hash_file
from proofbook_bench.resume_cases import Case
from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.logs import experiment_log
from proofbook_subjects.foundry.preparation import Preparation, Prepared
from proofbook_subjects.foundry.trainer import Trainer
from proofbook_subjects.foundry.training.state import TrainingState
from proofbook_subjects.foundry.training.stopping import Stopping
from proofbook_subjects.foundry.writing import write_corpus

__all__ = ["resume_foundry", "steps_per_epoch"]

_DOCUMENTS, _SEED, _EPOCHS = 4, 5, 2
_KINDS: dict[str, dict[str, dict[str, Any]]] = {
    "plain": {},
    "accumulation": {"training": {"gradient_accumulation_steps": 2, "stop_within_step": True}},
    "random-data": {"data": {"token_noise": 0.3}},
    "dropout": {"model": {"dropout": 0.2, "attention_dropout": 0.2}},
}


class _StopAt(Stopping):
    """Asks to stop once so many steps, and passes of the next one, have been made."""

    def __init__(self, place: tuple[int, int] | None) -> None:
        super().__init__()
        self.place, self.state = place, None

    def __bool__(self) -> bool:
        state: TrainingState | None = self.state
        if self.place and state is not None and not self.signum:
            passes = state.accumulation.passes if state.accumulation else 0
            self.signum = signal.SIGINT if (state.step, passes) >= self.place else 0
        return bool(self.signum)


class _Observed(Trainer):
    """A trainer that shows its state to what asks it to stop."""

    def build(self, prepared: Prepared) -> Any:
        plan, state = super().build(prepared)
        assert isinstance(self.stopping, _StopAt)
        self.stopping.state = state  # type: ignore[assignment]
        return plan, state


def resume_foundry(case: Case, folder: Path, stops: list[tuple[int, int]]) -> str:
    """Train, cut at ``stops``; return the digest of the final weights."""
    config = _config(case, folder)
    for number, place in enumerate([*stops, None]):
        with _StopAt(place) as stopping:
            trainer = _Observed(config, _project(), stopping)
            with experiment_log("matrix", folder / "logs", "WARNING") as log:
                trainer.run(log, resume=number > 0)
    return hash_file(folder / "output" / "model.safetensors")


def steps_per_epoch(case: Case) -> int:
    """Return the optimizer steps of an epoch."""
    config = _config(case, _project())
    prepared = Preparation(config, _project(), bool).prepare()
    passes = -(-len(prepared.training) // config.data.batch_size)
    return -(-passes // case.passes)


def _config(case: Case, folder: Path) -> ExperimentConfig:
    values: dict[str, dict[str, Any]] = {
        "data": {
            "source_corpus": "texts", "training_corpus": "texts", "batch_size": 6,
            "max_sequence_length": 16, "num_workers": case.workers,
        },
        "tokenizer": {"output_dir": "tokenizer", "vocab_size": 300},
        "model": {
            "layers": 1, "embedding_size": 16, "hidden_size": 16, "intermediate_hidden_size": 32,
            "attention_heads": 2,
        },
        "training": {
            "output_dir": str(folder / "output"), "learning_rate": 1e-2, "epochs": _EPOCHS,
            "warmup_steps": 2,
        },
    }  # fmt: skip
    for section, changes in _KINDS[case.kind].items():
        values[section] |= changes
    return ExperimentConfig.model_validate({"experiment_name": "matrix", **values})


@functools.cache
def _project() -> Path:
    """Return a folder with texts, tokenizer, tokens and chunks, made once in this process."""
    folder = Path(_HOLDER.name)
    write_corpus(folder / "texts", _DOCUMENTS, _SEED)
    Preparation(_config(Case(0, "first", "plain", 1), folder), folder, bool).prepare()
    return folder


_HOLDER = tempfile.TemporaryDirectory(prefix="proofbook-matrix-")
