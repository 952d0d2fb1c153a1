"""What a DreamBooth training leaves beside its weights: pictures, and a file about the model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook.media import measure_image
from proofbook_systems.dreambooth.image_similarity import PICTURE_SUFFIXES

__all__ = ["count_pictures", "info_faults", "picture_faults", "validation_pictures"]

_BLACK_SHARE = 0.999


def validation_pictures(output: Path, pattern: str = "validation-*") -> dict[int, list[Path]]:
    """Return the pictures of each validation by its step, which ends its folder's name."""
    pictures = {}
    for folder in output.glob(pattern):
        number = re.search(r"(\d+)$", folder.name)
        if folder.is_dir() and number:
            pictures[int(number[1])] = _pictures(folder)
    return dict(sorted(pictures.items()))


def picture_faults(drawn: Mapping[int, Sequence[Path]]) -> list[str]:
    """Return which validation pictures are black, blank, or the same as others.

    Two that are the same after different steps show that they are not drawn by what was learnt.
    """
    faults, seen = [], dict[str, int]()
    for step, paths in drawn.items():
        sound = []
        for path in paths:
            fault = _picture_fault(path)
            sound += [] if fault else [hash_file(path)]
            faults += [f"{path.parent.name}/{path.name} {fault}"] if fault else []
        if len(sound) > 1 and len(set(sound)) == 1:
            faults.append(f"all pictures of step {step} are the same")
        earlier = [seen[digest] for digest in sound if digest in seen]
        if earlier:
            faults.append(f"a picture of step {step} is the same as one of step {earlier[0]}")
        seen.update(dict.fromkeys(sound, step))
    return faults


def _picture_fault(path: Path) -> str:
    try:
        measure = measure_image(path)
    except SubjectError as error:
        return f"cannot be read: {error}"
    if measure.black_share > _BLACK_SHARE:
        return "is black"
    return "is blank" if measure.blank else ""


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
