"""Keep the outputs of a cell to a size that can be opened: the beginning and the end stay.

What is printed and what is displayed are limited apart from each other, so that a flood of text
loses no figure. A note stands where something was left out and says how much. What a cell has
cleared is not in its outputs and does not count. Knows nothing about messages or kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import nbformat.v4

from proofbook.runner.mimebundles import bundle_size

__all__ = ["OutputLimiter", "OutputLimits"]

Output = Any
"""One output of a cell, as nbformat has it."""


@dataclass(frozen=True, kw_only=True)
class OutputLimits:
    """How much one cell may leave in its notebook."""

    text: int = 1_000_000
    """Printed characters."""
    data: int = 32_000_000
    """Characters of all that is displayed."""
    outputs: int = 2_000
    """Outputs of each of the two kinds."""


@dataclass(kw_only=True)
class _Kind:
    """The outputs of one kind: what they may take, and what was left out of them."""

    is_text: bool
    largest: int
    most: int
    size: int = 0
    number: int = 0
    note: Output = None
    lost_size: int = 0
    lost_number: int = 0

    @property
    def is_exceeded(self) -> bool:
        return self.size > self.largest or self.number > self.most

    def measure(self, outputs: list[Output], spared: list[Output]) -> dict[int, int]:
        """Return the size of each output that may be left out, by its index; note the total."""
        sizes = {
            index: _size(output)
            for index, output in enumerate(outputs)
            if (output["output_type"] == "stream") == self.is_text
            and not any(output is each for each in spared)
        }
        self.size, self.number = sum(sizes.values()), len(sizes)
        return sizes

    def lose(self, size: int) -> None:
        """Count what is left out, and say so in the note."""
        self.lost_size += size
        self.lost_number += 1
        amount = f"{self.lost_size / 1e6:.1f} MB"
        what = f"{amount} of text" if self.is_text else f"{self.lost_number} outputs, {amount},"
        text = f"\n[{what} left out here]\n"
        if self.note is None:
            self.note = nbformat.v4.new_output("stream", name="stderr", text=text)
        self.note["text"] = text

    def forget_cleared(self, outputs: list[Output]) -> None:
        """Begin again where the note has been cleared."""
        if all(output is not self.note for output in outputs):
            self.note, self.lost_size, self.lost_number = None, 0, 0


class OutputLimiter:
    """Limits the outputs of one cell, or of one output widget, while they grow."""

    def __init__(self, limits: OutputLimits | None = None) -> None:
        limits = limits or OutputLimits()
        self._text = _Kind(is_text=True, largest=limits.text, most=limits.outputs)
        self._data = _Kind(is_text=False, largest=limits.data, most=limits.outputs)

    def limit(self, outputs: list[Output], *, text: int = 0, data: int = 0) -> dict[int, int]:
        """Take note of what was added, and shorten ``outputs`` in place where it is too much.

        Returns the new index of each output that stays by its old one; empty where all do.
        """
        for kind, size in ((self._text, text), (self._data, data)):
            # The estimate is never too low, as what is cleared or overwritten stays in it; only
            # where it is too high are the outputs themselves measured.
            kind.size += size
            kind.number += size > 0
            if size and kind.is_exceeded:
                kind.forget_cleared(outputs)
                sizes = kind.measure(outputs, self._spared(outputs))
                if kind.is_exceeded:
                    moves = _shorten(outputs, kind, sizes)
                    kind.measure(outputs, self._spared(outputs))
                    return moves
        return {}

    def _spared(self, outputs: list[Output]) -> list[Output]:
        """Return the notes and the first exception: it decides what becomes of the job."""
        errors = (output for output in outputs if output["output_type"] == "error")
        return [self._text.note, self._data.note, next(errors, None)]


def _shorten(outputs: list[Output], kind: _Kind, sizes: Mapping[int, int]) -> dict[int, int]:
    """Leave out the middle of one kind; return the new indices by the old ones."""
    head, tail = _ends(outputs, kind, sizes)
    kept: list[tuple[int | None, Output]] = []
    for index, output in enumerate(outputs):
        begun, ended = head.get(index, 0), tail.get(index, 0)
        lost = sizes.get(index, 0) - begun - ended
        if lost <= 0:
            kept.append((index, output))
            continue
        is_first = kind.note is None
        kind.lose(lost)
        if begun:
            kept.append((None, _piece(output, output["text"][:begun])))
        if is_first:
            kept.append((None, kind.note))
        if ended:
            kept.append((None, _piece(output, output["text"][-ended:])))
    outputs[:] = [output for _, output in kept]
    return {old: new for new, (old, _) in enumerate(kept) if old is not None}


def _piece(output: Output, text: str) -> Output:
    return nbformat.v4.new_output("stream", name=output["name"], text=text)


def _ends(
    outputs: list[Output], kind: _Kind, sizes: Mapping[int, int]
) -> tuple[dict[int, int], dict[int, int]]:
    """Return how much of which outputs stays as the beginning, and as the end."""
    place = next((i for i, output in enumerate(outputs) if output is kind.note), None)
    head = {i: size for i, size in sizes.items() if place is not None and i < place}
    free = [(i, size) for i, size in sizes.items() if i not in head]
    # Less than may stay, so that the end can grow for a while before it is shortened again.
    tail = _fill(reversed(free), kind.largest // 4, kind.most // 4, split=kind.is_text)
    if not tail:
        tail = dict(free[-1:])  # one display of nearly the whole size
    if place is None:
        rest = [(i, size - tail.get(i, 0)) for i, size in free if size > tail.get(i, 0)]
        room = min(kind.largest // 2, kind.largest - sum(tail.values()))
        head = _fill(rest, room, kind.most // 2, split=kind.is_text)
    return head, tail


def _fill(sizes: Iterable[tuple[int, int]], room: int, most: int, *, split: bool) -> dict[int, int]:
    """Return how much of the first outputs fits into a room; only text can be split."""
    taken: dict[int, int] = {}
    for index, size in sizes:
        if len(taken) >= most or room <= 0 or (size > room and not split):
            break
        taken[index] = min(size, room)
        room -= taken[index]
    return taken


def _size(output: Output) -> int:
    if output["output_type"] == "stream":
        return len(output["text"]) or 1
    data: Mapping[str, Any] = output.get("data", {})
    return bundle_size(data) or 1
