"""What ``reference:<name>`` names in DreamBooth's runbooks, and in its trainer's configs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from proofbook.subjects import Makers
from proofbook_subjects.dreambooth.full_size import full_size_folder
from proofbook_subjects.dreambooth.projects import CONFIGS, train_butcher, write_project
from proofbook_subjects.dreambooth.reference import reference_folder

__all__ = ["BASES", "COMMANDS", "CONFIG_FILES", "PICTURES", "TRAINED"]

_SCRIPTS = Path(__file__).parent / "scripts"

BASES: Makers = {"tiny": reference_folder, "random-sd15": full_size_folder}
"""Models to start a training from."""

COMMANDS: Makers = {
    name: lambda _root, path=_SCRIPTS / name: path  # type: ignore[misc]
    for name in ("train_dreambooth.py", "infer_dreambooth.py")
}
"""Programs, to be started with Python."""

CONFIG_FILES: Makers = {name: partial(write_project, name) for name in CONFIGS}
"""Configs of the trainer, each with pictures in its folder."""

PICTURES: Makers = {"butcher": lambda root: train_butcher(root) / "butcher" / "images"}
"""Folders of the pictures that the trained models have learnt from."""

TRAINED: Makers = {"butcher": lambda root: train_butcher(root) / "model"}
"""Output folders of trainings that are over."""
