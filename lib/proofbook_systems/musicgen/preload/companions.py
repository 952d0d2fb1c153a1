"""What audiocraft's checkpoints need and do not hold: the T5, and a codec that is only pointed to.

Each is a model of its own in the cache, brought once, and linked next to the checkpoints, where the
loader looks. Knows nothing of how they are loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.checkpoints import CODEC_FILE, LANGUAGE_FILE, open_checkpoint

__all__ = ["TEXT_FOLDER", "Companion", "companions_of"]

TEXT_FOLDER = "t5"
_USUAL_TEXT = "t5-base"
_POINTER_PREFIX = "//pretrained/"
_NAME = re.compile(r"(\w[\w.-]*/)?\w[\w.-]*")
"""A hub id; a checkpoint does not choose among the folders of this machine."""


class Companion(NamedTuple):
    """A model that another one needs next to it."""

    name: str
    """As the checkpoint names it: a hub id."""
    place: str
    """Folder, relative to that of the checkpoints."""
    named_by: str
    """File that names it."""


def companions_of(folder: Path) -> list[Companion]:
    """Return what the checkpoints in ``folder`` need next to them; none where there are none.

    A checkpoint that cannot be opened names nothing; verification says what is wrong with it.
    """
    language, codec = folder / LANGUAGE_FILE, folder / CODEC_FILE
    text, pointed = _text_name(language), _pointed(codec)
    companions = [
        Companion(text, TEXT_FOLDER, LANGUAGE_FILE),
        Companion(pointed, pointed.split("/")[-1], CODEC_FILE),
    ]
    return [companion for companion in companions if _NAME.fullmatch(companion.name)]


def _text_name(language: Path) -> str:
    if not language.is_file():
        return ""
    try:
        config = open_checkpoint(language).config or {}
    except SubjectError:
        return _USUAL_TEXT
    value: Any = config
    for name in ("conditioners", "description", "t5", "name"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return str(value or _USUAL_TEXT)


def _pointed(codec: Path) -> str:
    if not codec.is_file():
        return ""
    try:
        name = open_checkpoint(codec).pretrained
    except SubjectError:
        return ""
    return name.removeprefix(_POINTER_PREFIX)
