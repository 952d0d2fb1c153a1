"""What a DreamBooth training leaves beside its weights: pictures, and a file about the model."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from proofbook_systems.dreambooth.image_similarity import PICTURE_SUFFIXES

__all__ = ["count_pictures", "info_faults", "validation_pictures"]


def validation_pictures(output: Path) -> dict[int, list[Path]]:
    """Return the pictures of each validation by its step: those in ``validation-N``."""
    pictures = {}
    for folder in output.glob("validation-*"):
        number = re.search(r"(\d+)$", folder.name)
        if folder.is_dir() and number:
            pictures[int(number[1])] = _pictures(folder)
    return dict(sorted(pictures.items()))


def count_pictures(folder: Path) -> int:
    """Return how many pictures a folder has; 0 where there is no such folder."""
    return len(_pictures(folder)) if folder.is_dir() else 0


def info_faults(path: Path, keys: Sequence[str], steps_key: str, steps: int) -> list[str]:
    """Return what is wrong with the file about a model; empty where all is as it should be.

    Args:
        path: A JSON file.
        keys: What it must say.
        steps_key: What it calls the number of steps; empty where it does not tell them.
        steps: That were made.
    """
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"{path.name} cannot be read ({type(error).__name__})"]
    if not isinstance(info, dict):
        return [f"{path.name} is not a JSON object"]
    faults = [f"{key} is missing" for key in keys if not info.get(key)]
    if steps_key and info.get(steps_key) not in (None, steps):
        faults.append(f"{steps_key} is {info[steps_key]}, and {steps} were made")
    return faults


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
