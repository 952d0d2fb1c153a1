"""The image library: what is in ``data/images``, as rows of the database."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from proofbook_subjects.pipeline.databases import open_database, transaction
from proofbook_subjects.pipeline.errors import InputError
from proofbook_subjects.pipeline.schemas import IMAGES
from proofbook_subjects.pipeline.settings import CHARACTERS, EMOTIONS, Project

__all__ = ["GENERATED", "register_images"]

GENERATED = "generated"
"""Begins the pose of an image that a model has drawn, and is then its source."""
_SUFFIXES = {".jpg", ".jpeg", ".png"}
_INSERT = """
INSERT INTO image_library (character, emotion, pose, source, file_path) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (file_path) DO NOTHING
"""


class _Named(NamedTuple):
    character: str
    emotion: str
    pose: str
    source: str


def register_images(project: Project) -> int:
    """Add the images ``<character>_<emotion>_<pose>`` of ``data/images``; return their number.

    Raises:
        InputError: A file has another name.
    """
    folder = project.root / "data" / "images"
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
    rows = [(*_read_name(path), project.relative(path)) for path in paths]
    with open_database(project, IMAGES) as connection, transaction(connection):
        connection.executemany(_INSERT, rows)
    return len(rows)


def _read_name(path: Path) -> _Named:
    character, _, rest = path.stem.partition("_")
    emotion, _, pose = rest.partition("_")
    if character not in {name.lower() for name in CHARACTERS} or emotion not in EMOTIONS:
        raise InputError(
            f"image {path.name}: expected a name like butcher_happy_1.jpg, in lower case"
        )
    source = GENERATED if pose.startswith(GENERATED) else "drawn"
    return _Named(character, emotion, pose, source)
