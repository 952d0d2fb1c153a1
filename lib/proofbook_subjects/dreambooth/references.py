"""What ``reference:<name>`` names in the runbooks of training and of DreamBooth, and in configs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from proofbook.subjects import Makers
from proofbook_subjects.dreambooth.full_size import full_size_folder
from proofbook_subjects.dreambooth.projects import (
    CONFIGS,
    train_butcher,
    write_project,
)
from proofbook_subjects.dreambooth.reference import reference_folder

__all__ = [
    "BASES",
    "CLASS_PICTURES",
    "CONFIG_FILES",
    "INFER_COMMANDS",
    "PICTURES",
    "TRAINED",
    "TRAIN_COMMANDS",
]

_SCRIPTS = Path(__file__).parent / "scripts"

BASES: Makers = {"tiny": reference_folder, "random-sd15": full_size_folder}
"""Models to start a training from."""

TRAIN_COMMANDS: Makers = {"train_dreambooth.py": lambda _: _SCRIPTS / "train_dreambooth.py"}
"""Programs that train, to be started with Python."""

INFER_COMMANDS: Makers = {"infer_dreambooth.py": lambda _: _SCRIPTS / "infer_dreambooth.py"}
"""Programs that draw with a trained model, to be started with Python."""

CONFIG_FILES: Makers = {name: partial(write_project, name) for name in CONFIGS}
"""Configs of the trainer, each with pictures in its folder."""

PICTURES: Makers = {"butcher": lambda root: train_butcher(root) / "butcher" / "images"}
"""Folders of the pictures that trained models have learnt from."""

CLASS_PICTURES: Makers = {
    "butcher": lambda root: train_butcher(root) / "butcher" / "class_images",
}
"""Folders of the pictures of the class that trainings have made."""

TRAINED: Makers = {"butcher": lambda root: train_butcher(root) / "model"}
"""Output folders of trainings that are over."""
