"""A project with a few texts, prepared once, and configs of networks that take milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.preparation import Preparation
from proofbook_subjects.foundry.writing import write_corpus

Make = Callable[..., ExperimentConfig]

VALUES: dict[str, Any] = {
    "experiment_name": "test",
    "data": {
        "source_corpus": "texts", "training_corpus": "texts", "batch_size": 2,
        "max_sequence_length": 16,
    },
    "tokenizer": {"output_dir": "tokenizer", "vocab_size": 300},
    "model": {
        "layers": 1, "embedding_size": 16, "hidden_size": 16, "intermediate_hidden_size": 32,
        "attention_heads": 2,
    },
    "training": {
        "output_dir": "output", "learning_rate": 1e-2, "train_steps": 6, "warmup_steps": 2,
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def values() -> dict[str, Any]:
    """Return what a config file says, as plain tables."""
    return {k: dict(v) if isinstance(v, dict) else v for k, v in VALUES.items()}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that makes a config, some of whose sections are changed."""

    def build(**changes: Any) -> ExperimentConfig:
        given = {k: dict(v) if isinstance(v, dict) else v for k, v in VALUES.items()}
        given["training"]["output_dir"] = str(tmp_path / "output")
        for name, change in changes.items():
            given[name] = {**given.get(name, {}), **change} if isinstance(change, dict) else change
        return ExperimentConfig.model_validate(given)

    return build


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with texts, tokenizer, tokens and chunks."""
    folder = tmp_path_factory.mktemp("foundry")
    write_corpus(folder / "texts", 4, 5)
    Preparation(ExperimentConfig.model_validate(VALUES), folder, lambda _: None).prepare()
    return folder
