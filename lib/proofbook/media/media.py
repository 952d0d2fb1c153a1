"""The value that every kind of media gives: a source, what was measured of it, and its pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.records import Fact, Label

__all__ = ["Media", "existing_file", "number", "suffix_of"]


@dataclass(frozen=True, kw_only=True)
class Media:
    """One file or block of bytes, to be stored once under its hash."""

    kind: str
    """``audio``, ``image``, ``plot``, ``text``."""
    source: Path | bytes = field(repr=False)
    suffix: str
    """Lower-case, with the dot: ``.wav``."""
    name: str
    caption: str = ""
    labels: Mapping[str, Label] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()
    views: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """PNG pictures drawn of it, by name."""


def existing_file(path: str | Path, kind: str) -> Path:
    """Return ``path`` as an absolute path of a file that is there and not empty.

    Raises:
        SubjectError: There is no such file, or it is empty.
    """
    file = Path(path).absolute()
    if not file.is_file():
        raise SubjectError(f"{file}: no such {kind} file")
    if file.stat().st_size == 0:
        raise SubjectError(f"{file}: the {kind} file is empty (0 bytes)")
    return file


def suffix_of(path: Path, default: str) -> str:
    """Return the file's suffix in lower case where it is a plain one, else ``default``."""
    suffix = path.suffix.lower()
    plain = suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) <= 9
    return suffix if plain else default


def number(name: str, value: float, unit: str = "", *, digits: int = 2) -> Fact:
    """Return a rounded number as a fact; what is not finite is spelled as a reader would."""
    if math.isfinite(value):
        return Fact(name=name, value=round(float(value), digits), unit=unit)
    words = "NaN" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    return Fact(name=name, value=words, unit=unit)
