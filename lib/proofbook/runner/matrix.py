"""Expand an entry's matrix into combinations, each with the parts of its job's name.

Knows nothing about runbooks, their parameters' types, or where an entry stands in its file.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import JsonValue

from proofbook.profiles import JobEntry, nearest
from proofbook.runner.outputs import shorten_references
from proofbook.yamlfile import Place

__all__ = ["Combination", "MatrixError", "expand_matrix", "verify_matrix"]

_LONGEST_SLUG = 40


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
    positions: dict[str, dict[Hashable, int]] = {}
    for key, axis in entry.matrix.items():
        first = positions[key] = {}
        for number, value in enumerate(axis):
            earlier = first.setdefault(_hashable(value), number)
            if earlier != number:
                raise MatrixError(
                    f"value {number + 1} of {key!r} equals value {earlier + 1}; remove one",
                    ("matrix", key, number),
                )
    for number, extra in enumerate(entry.include):
        for key in (k for k in extra if k in positions):
            if _hashable(extra[key]) not in positions[key]:
                known = [str(value) for value in entry.matrix[key]]
                hint = nearest(str(extra[key]), known) or f"{key!r} has: {', '.join(known)}"
                raise MatrixError(
                    f"this include matches no combination of the matrix; {hint}",
                    ("include", number, key),
                )


def expand_matrix(
    entry: JobEntry,
    replaced: Mapping[str, JsonValue],
    typed: Callable[[str, JsonValue], JsonValue] = lambda name, value: value,
) -> list[Combination]:
    """Return all combinations of the profile.

    Args:
        entry: With its matrix and includes.
        replaced: Gives an axis one other value. An ``include`` that names another value of such
            an axis no longer applies; combinations that differed in it alone become the same one.
        typed: Returns a parameter's value in its type; called once for each that is written.
    """
    axes = {
        key: [each._replace(value=typed(key, each.value)) for each in _axis(values)]
        for key, values in entry.matrix.items()
    }
    new = {key: _axis([replaced[key]])[0] for key in axes if key in replaced}
    includes = _Includes(entry, typed)
    combinations = []
    for cell in itertools.product(*axes.values()):
        written = dict(zip(axes, cell, strict=True))
        written_suffix, written_parameters = _suffix(cell), includes.add_to(written)
        suffix, parameters = written_suffix, written_parameters
        if new:
            changed = {**written, **new}
            suffix, parameters = _suffix(changed.values()), includes.add_to(changed)
        combinations.append(
            Combination(
                suffix=suffix,
                parameters=parameters,
                written_suffix=written_suffix,
                written=written_parameters,
            )
        )
    return combinations


class _AxisValue(NamedTuple):
    value: JsonValue
    slug: str
    """As part of a job's name."""
    mark: Hashable
    """Equal where the values are."""


class _Includes:
    """What ``include`` adds to a combination, looked up by the values that each one names."""

    def __init__(self, entry: JobEntry, typed: Callable[[str, JsonValue], JsonValue]) -> None:
        self._extras = [
            {name: typed(name, value) for name, value in extra.items()} for extra in entry.include
        ]
        self._numbers: dict[tuple[str, ...], dict[tuple[Hashable, ...], list[int]]] = {}
        for number, extra in enumerate(entry.include):
            keys = tuple(key for key in entry.matrix if key in extra)
            marks = tuple(_hashable(extra[key]) for key in keys)
            self._numbers.setdefault(keys, {}).setdefault(marks, []).append(number)

    def add_to(self, cell: Mapping[str, _AxisValue]) -> dict[str, JsonValue]:
        """Return the parameters of a cell with all that agrees with it, in the profile's order."""
        parameters = {key: value.value for key, value in cell.items()}
        matching = [
            number
            for keys, numbers in self._numbers.items()
            for number in numbers.get(tuple(cell[key].mark for key in keys), ())
        ]
        for number in sorted(matching):
            parameters.update(self._extras[number])
        return parameters


def _axis(values: Sequence[JsonValue]) -> list[_AxisValue]:
    """Return the values of an axis with their slugs: their numbers where two would be the same."""
    texts = [shorten_references(str(value)).lower() for value in values]
    slugs = [re.sub(r"[^a-z0-9._]+", "-", text).strip("-.") for text in texts]
    differ = len(set(slugs)) == len(slugs)
    return [
        _AxisValue(
            value,
            slug if differ and 0 < len(slug) <= _LONGEST_SLUG else str(number),
            _hashable(value),
        )
        for number, (value, slug) in enumerate(zip(values, slugs, strict=True), 1)
    ]


def _suffix(cell: Iterable[_AxisValue]) -> tuple[str, ...]:
    return tuple(value.slug for value in cell)


def _hashable(value: JsonValue) -> Hashable:
    """Return what can be looked up; equal for equal values, so that 1 is 1.0 and ``True``."""
    if isinstance(value, list):
        return tuple(_hashable(item) for item in value)
    if isinstance(value, dict):
        return frozenset((key, _hashable(item)) for key, item in value.items())
    return value
