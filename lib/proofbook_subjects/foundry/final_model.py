"""The trained model: files in the output folder that transformers loads."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from proofbook.files import atomic_write
from proofbook_subjects.foundry.checkpoints.files import write_tensors
from proofbook_subjects.foundry.checkpoints.folders import WEIGHTS
from proofbook_subjects.foundry.training.state import TrainingState, unshared

__all__ = ["INFO_FILE", "model_texts", "save_final_model"]

INFO_FILE = "model_info.json"


def model_texts(model: Any, tokenizer: Path) -> dict[str, bytes]:
    """Return the files that go with the weights: the model's configuration, and the tokenizer's."""
    texts = {
        path.name: path.read_bytes()
        for path in sorted(tokenizer.iterdir())
        if path.is_file() and not path.name.startswith(".")
    }
    texts["config.json"] = model.config.to_json_string(use_diff=False).encode()
    # Only a network that transformers generates with has one.
    if (settings := getattr(model, "generation_config", None)) is not None:
        texts["generation_config.json"] = settings.to_json_string().encode()
    return texts


def save_final_model(state: TrainingState, place: Path) -> Path:
    """Save the trained model into a folder, and return that.

    ``model_info.json`` is the last to appear: a folder that has it has the rest.
    """
    (place / INFO_FILE).unlink(missing_ok=True)
    partial = place / f".partial-{WEIGHTS}"
    tensors = {name: each.contiguous().cpu() for name, each in unshared(state.model).items()}
    try:
        write_tensors(partial, tensors)
        partial.replace(place / WEIGHTS)
    finally:
        partial.unlink(missing_ok=True)
    for name, text in state.texts.items():
        atomic_write(place / name, text)
    info = {
        "experiment_name": state.config.experiment_name,
        "architecture": state.config.model.architecture,
        "training_steps": state.step,
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    atomic_write(place / INFO_FILE, json.dumps(info, indent=1) + "\n")
    return place
