"""The finished training that a person named, and the pictures that it has learnt from.

Each may be a reference subject; else it is a folder of the person's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook.subjects import is_reference, resolve_reference
from proofbook_systems.dreambooth.image_similarity import PICTURE_SUFFIXES
from proofbook_systems.training import subject

__all__ = ["Trained", "find_class_folder", "find_trained"]


class Trained(NamedTuple):
    """A training that is over."""

    model: Path
    """Its output folder: the final model, checkpoints, validations."""
    instance: list[Path]
    """The pictures that it learnt from."""


def find_trained(trained: str, instance_dir: str) -> Trained:
    """Return a finished training; a reference's is made once, in the cache.

    Raises:
        SubjectError: There is none, or no pictures that it learnt from.
    """
    return Trained(subject.find_trained(trained), _find_pictures(instance_dir, trained))


def find_class_folder(class_dir: str, trained: str) -> Path:
    """Return the folder of the pictures of the class; it need not exist where none were made.

    Args:
        class_dir: The folder; empty is that of a reference training.
        trained: The training's output folder, or ``reference:…``.

    Raises:
        SubjectError: It is not known which folder.
    """
    if not class_dir and not is_reference(trained):
        raise SubjectError("class_dir is empty; give the folder of the class's pictures")
    reference = resolve_reference(class_dir or trained, "dreambooth.class_dir")
    return reference.path if reference else Path(class_dir).expanduser()


def _find_pictures(instance_dir: str, trained: str) -> list[Path]:
    if not instance_dir and not is_reference(trained):
        raise SubjectError("instance_dir is empty; give the folder of the training's pictures")
    reference = resolve_reference(instance_dir or trained, "dreambooth.instance_dir")
    folder = reference.path if reference else Path(instance_dir).expanduser()
    if not folder.is_dir():
        raise SubjectError(f"instance_dir {folder} does not exist; give a folder of pictures")
    pictures = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    if not pictures:
        raise SubjectError(f"instance_dir {folder} has no picture; give a folder that has some")
    for path in pictures:
        _refuse_unreadable(path)
    return pictures


def _refuse_unreadable(path: Path) -> None:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            picture.load()
    except (OSError, ValueError, SyntaxError) as error:
        raise SubjectError(f"{path} cannot be read as a picture ({error}); remove it") from error
