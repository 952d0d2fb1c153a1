"""A tiny Stable Diffusion that has learnt nothing, and settings to train it with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proofbook_subjects.dreambooth.drawing import write_characters
from proofbook_subjects.dreambooth.reference import build_reference
from proofbook_subjects.dreambooth.settings import Settings


@pytest.fixture(scope="session")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    build_reference(folder, vae_steps=0, unet_steps=0)
    return folder


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_characters(tmp_path_factory.mktemp("images"), 5)


@pytest.fixture
def settings(base_model: Path, images: Path, tmp_path: Path) -> Callable[..., Settings]:
    """Return a function that makes settings of a short training into ``tmp_path / "out"``."""

    def make(**changes: Any) -> Settings:
        given = {
            "base_model": str(base_model), "instance_data_dir": images,
            "instance_prompt": "a photo of sks mouse", "output_dir": tmp_path / "out",
            "resolution": 32, "train_batch_size": 2, "learning_rate": 1e-3, "max_train_steps": 6,
            "checkpointing_steps": 3, "validation_steps": 3,
        }  # fmt: skip
        return Settings(**{**given, **changes})

    return make
