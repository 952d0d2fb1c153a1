"""Expand an entry's matrix into combinations, each with the parts of its job's name.

Knows nothing about runbooks, their parameters' types, or where an entry stands in its file.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from proofbook.profiles import JobEntry, nearest
from proofbook.yamlfile import Place

__all__ = ["Combination", "MatrixError", "expand_matrix", "verify_matrix"]


class MatrixError(ValueError):
    """A matrix or its ``include`` is not sound; ``place``, within the entry, says where."""

    def __init__(self, message: str, place: Place) -> None:
        self.place = place
        super().__init__(message)


@dataclass(frozen=True, kw_only=True)
class Combination:
    """One cell of a matrix: name parts and parameters, included ones added."""

    suffix: tuple[str, ...]
    parameters: dict[str, JsonValue]
    written_suffix: tuple[str, ...]
    """As the profile has it, without what replaces an axis."""
    written: dict[str, JsonValue]


def verify_matrix(entry: JobEntry) -> None:
    """Refuse a value given twice in an axis, and an ``include`` that would add nothing.

    Raises:
        MatrixError: There is such a value or ``include``.
    """
    for key, axis in entry.matrix.items():
        for number, value in enumerate(axis):
            if value in axis[:number]:
                earlier = axis.index(value) + 1
                raise MatrixError(
                    f"value {number + 1} of {key!r} equals value {earlier}; remove one",
                    ("matrix", key, number),
                )
    for number, extra in enumerate(entry.include):
        for key in (k for k in extra if k in entry.matrix):
            if extra[key] not in entry.matrix[key]:
                known = [str(value) for value in entry.matrix[key]]
                hint = nearest(str(extra[key]), known) or f"{key!r} has: {', '.join(known)}"
                raise MatrixError(
                    f"this include matches no combination of the matrix; {hint}",
                    ("include", number, key),
                )


def expand_matrix(entry: JobEntry, replaced: Mapping[str, JsonValue]) -> list[Combination]:
    """Return all combinations of the profile; ``replaced`` gives an axis one other value.

    An ``include`` that names another value of a replaced axis no longer applies. Combinations
    that differed in a replaced axis alone become the same one.
    """
    found = []
    for numbered in itertools.product(*(enumerate(axis) for axis in entry.matrix.values())):
        written = dict(zip(entry.matrix, (value for _, value in numbered), strict=True))
        positions = dict(zip(entry.matrix, (position for position, _ in numbered), strict=True))
        suffix = {key: _slug(entry.matrix[key], positions[key]) for key in written}
        ours = {key: replaced[key] for key in written if key in replaced}
        found.append(
            Combination(
                suffix=tuple({**suffix, **{k: _slug([v], 0) for k, v in ours.items()}}.values()),
                parameters=_include({**written, **ours}, entry),
                written_suffix=tuple(suffix.values()),
                written=_include(written, entry),
            )
        )
    return found


def _include(cell: dict[str, JsonValue], entry: JobEntry) -> dict[str, JsonValue]:
    for extra in entry.include:
        if all(cell[k] == v for k, v in extra.items() if k in entry.matrix):
            cell = {**cell, **extra}
    return cell


def _slug(axis: list[JsonValue], position: int) -> str:
    """Return a value as part of a folder's name; its number where it makes no short name."""
    slugs = [re.sub(r"[^a-z0-9._]+", "-", str(v).lower()).strip("-.") for v in axis]
    fits = 0 < len(slugs[position]) <= 40 and len(set(slugs)) == len(slugs)
    return slugs[position] if fits else str(position + 1)
