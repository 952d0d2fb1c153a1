"""The final model: a folder that a user's pipeline loads, and what is said about it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from proofbook.files import atomic_write
from proofbook_subjects.dreambooth.pictures import build_pipeline
from proofbook_subjects.dreambooth.state import State

__all__ = ["INFO_FILE", "ModelInfo", "save_model"]

INFO_FILE = "model_info.json"
_INDEX = "model_index.json"


class ModelInfo(BaseModel):
    """``model_info.json``."""

    model_config = ConfigDict(protected_namespaces=())

    character: str
    base_model: str
    training_steps: int
    instance_prompt: str
    timestamp: str


def save_model(state: State) -> Path:
    """Save the trained model into the output folder, and return that.

    The index is the last to appear, so that a folder that has it has the rest.
    """
    import torch

    settings = state.settings
    for network in (state.networks.vae, state.networks.text_encoder):
        network.to(dtype=torch.float32)
    place = settings.output_dir
    partial = place / ".model.partial"
    shutil.rmtree(partial, ignore_errors=True)
    build_pipeline(state.networks).save_pretrained(partial)
    (place / _INDEX).unlink(missing_ok=True)
    for path in sorted(partial.iterdir(), key=lambda path: path.name == _INDEX):
        target = place / path.name
        if target.is_dir():
            shutil.rmtree(target)
        path.replace(target)
    partial.rmdir()
    info = ModelInfo(
        character=place.name.removeprefix("dreambooth_"),
        base_model=settings.base_model,
        training_steps=state.step,
        instance_prompt=settings.instance_prompt,
        timestamp=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    atomic_write(place / INFO_FILE, info.model_dump_json(indent=1) + "\n")
    return place
