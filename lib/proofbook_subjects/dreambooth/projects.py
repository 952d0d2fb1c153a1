"""Projects to train in: a config and pictures of Butcher the mouse, drawn on the spot.

``butcher`` is small and has a tiny model to start from; ``butcher-sd15`` is the same for Stable
Diffusion 1.5, with the checklist's settings; ``butcher-random`` has random weights of that size.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from proofbook.caching import cached_folder
from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook.processes import supervise
from proofbook_subjects.dreambooth.drawing import write_characters
from proofbook_subjects.dreambooth.reference import recipe

__all__ = ["CONFIGS", "train_butcher", "write_project"]

_PICTURES = 12
_TRAINING_SECONDS = 1800.0
_BUTCHER: dict[str, Any] = {
    "base_model": "reference:tiny",
    "instance_data_dir": "images",
    "instance_prompt": "a photo of sks mouse",
    "class_data_dir": "class_images",
    "class_prompt": "a photo of an animal",
    "with_prior_preservation": True,
    "prior_loss_weight": 0.5,
    "num_class_images": 4,
    "output_dir": "models/dreambooth_butcher",
    "train_batch_size": 8,
    "learning_rate": 1e-3,
    "lr_warmup_steps": 2,
    "lr_scheduler": "constant_with_warmup",
    "max_train_steps": 60,
    "resolution": 32,
    "checkpointing_steps": 10,
    "validation_steps": 20,
    "validation_prompts": ["a photo of sks mouse", "a happy sks mouse, by day"],
    "seed": 3,
}
_FULL_SIZE = _BUTCHER | {
    "base_model": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "prior_loss_weight": 1.0,
    "num_class_images": 200,
    "train_batch_size": 1,
    "learning_rate": 5e-6,
    "lr_warmup_steps": 0,
    "lr_scheduler": "constant",
    "max_train_steps": 800,
    "gradient_checkpointing": True,
    "mixed_precision": "fp16",
    "resolution": 512,
    "checkpointing_steps": 100,
    "validation_steps": 100,
    "validation_prompts": [
        "a photo of sks mouse", "a photo of sks mouse, happy expression",
        "a photo of sks mouse, sad expression", "a drawing of sks mouse",
    ],
    "seed": 42,
}  # fmt: skip
CONFIGS = {
    "butcher": _BUTCHER,
    "butcher-sd15": _FULL_SIZE,
    "butcher-random": _FULL_SIZE
    | {"base_model": "random:sd15", "num_class_images": 4, "validation_prompts": []},
}
"""What each project's config says, by the project's name."""


def write_project(name: str, folder: Path) -> Path:
    """Write a project into ``folder/butcher``, and return the path of its config.

    Raises:
        SubjectError: What its trainer needs is not installed.
    """
    if importlib.util.find_spec("diffusers") is None:
        raise SubjectError(
            f"reference:{name} is trained with diffusers, which is not installed: "
            "pip install 'proofbook[dreambooth]', or give a config_file of your own"
        )
    values, place = CONFIGS[name], folder / "butcher"
    write_characters(place / "images", _PICTURES, max(64, values["resolution"]))
    path = place / "butcher_config.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


def train_butcher(cache: Path) -> Path:
    """Return the folder of a finished training of ``butcher``, trained first where it is missing.

    It holds ``model`` and ``butcher/images``.

    Raises:
        SubjectError: The trainer failed or took too long.
    """
    sources = {path.name: hash_file(path) for path in Path(__file__).parent.glob("*.py")}
    return cached_folder(
        cache / "dreambooth", "butcher", recipe() | sources, partial(_train, cache)
    )


def _train(cache: Path, place: Path) -> None:
    config = write_project("butcher", place)
    command = [
        sys.executable, "-m", "proofbook_subjects.dreambooth.train",
        "--config", str(config.resolve()), "--output-dir", str(place.resolve() / "model"),
    ]  # fmt: skip
    # Networks this small lose time in more than one thread.
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "PROOFBOOK_CACHE": str(cache.resolve())}
    log = place / "log"
    with supervise(command, log=log, name="the trainer", cwd=config.parent, env=environ) as p:
        ended, state, tail = p.wait(_TRAINING_SECONDS), p.state, p.tail(5)
    if not ended or p.exit_code != 0:
        raise SubjectError(f"the reference's trainer {state}: {' / '.join(tail.splitlines())}")
