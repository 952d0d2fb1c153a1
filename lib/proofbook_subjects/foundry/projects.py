"""Projects to train in: a config, and texts that are written on the spot.

``foundry`` is a GPT of two layers; ``foundry-llama``, ``foundry-bert``, ``foundry-lstm`` and
``foundry-mamba`` are the same with another network; ``foundry-fp16`` computes in 16 bits,
``foundry-schedule`` plans its checkpoints itself; ``foundry-full`` is the checklist's full run.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import yaml

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.writing import write_corpus

__all__ = ["CONFIGS", "write_project"]

_TINY: dict[str, Any] = {
    "experiment_name": "stories",
    "data": {
        "source_corpus": "texts", "training_corpus": "data/corpus", "test_corpus": "test_texts",
        "batch_size": 4, "max_sequence_length": 32,
    },
    "tokenizer": {"output_dir": "tokenizer", "vocab_size": 400},
    "model": {
        "architecture": "gpt2", "layers": 2, "embedding_size": 64, "hidden_size": 64,
        "intermediate_hidden_size": 128, "attention_heads": 2, "activation_function": "gelu",
        "dropout": 0.1, "attention_dropout": 0.1,
    },
    "training": {
        "output_dir": "output", "learning_rate": 3e-3, "train_steps": 60, "warmup_steps": 4,
        "lr_scheduler": "constant_with_warmup", "checkpoint_every": 10,
    },
    "random_seed": 42,
}  # fmt: skip


def _changed(documents: int = 150, **changes: dict[str, Any]) -> tuple[dict[str, Any], int]:
    sections = {key: {**_TINY[key], **values} for key, values in changes.items()}
    return _TINY | sections, documents


CONFIGS: dict[str, tuple[dict[str, Any], int]] = {
    "foundry": _changed(),
    "foundry-llama": _changed(
        model={"architecture": "llama", "activation_function": "silu", "dropout": 0.0}
    ),
    "foundry-bert": _changed(model={"architecture": "bert"}),
    "foundry-lstm": _changed(model={"architecture": "lstm"}),
    "foundry-mamba": _changed(
        model={"architecture": "mamba", "dropout": 0.0, "state_size": 4}, training={
            "train_steps": 20,
        },
    ),
    "foundry-fp16": _changed(training={"use_amp": True, "amp_dtype": "fp16"}),
    "foundry-schedule": _changed(training={
        "train_steps": 100, "checkpoint_every": None, "auto_generate_checkpoints": True,
        "first_epoch_checkpoints": 4, "min_checkpoint_interval": 10,
    }),
    "foundry-full": _changed(1000, training={
        "train_steps": 10, "warmup_steps": 2, "checkpoint_every": 5, "learning_rate": 1e-2,
    }),
}  # fmt: skip
"""What each project's config says, and how many documents it has, by the project's name."""

_TEST_DOCUMENTS = 20
_SEED = 11


def write_project(name: str, folder: Path) -> Path:
    """Write a project into ``folder/<name>``, and return the path of its config.

    Raises:
        SubjectError: What its trainer needs is not installed.
    """
    for package in ("transformers", "datasets"):
        if importlib.util.find_spec(package) is None:
            raise SubjectError(
                f"reference:{name} is trained with {package}, which is not installed: "
                "pip install 'proofbook[foundry]', or give a config_file of your own"
            )
    (values, documents), place = CONFIGS[name], folder / name
    write_corpus(place / "texts", documents, _SEED)
    write_corpus(place / "test_texts", _TEST_DOCUMENTS, _SEED + 1)
    path = place / "experiment.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path
