"""The numbers of the steps that a trainer tells: where they begin, and whether they go on.

Knows nothing about lines and files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from proofbook.errors import SubjectError

__all__ = [
    "CHECKPOINTS", "DICTIONARY", "Numbering", "Recognised", "Step", "last_step", "numbering_of",
]  # fmt: skip

CHECKPOINTS = "the names of its checkpoints"
DICTIONARY = "dictionaries beside a progress bar"
_OFTEN = 0.8
"""Part of the steps of a bar that are told at the same distance where none are left out."""
_OFTEN_IN_A_LOG = 0.4
_FEWEST = 6
"""Steps from which on a log's last distance should be no longer than the others."""


class Step(NamedTuple):
    """One step, as far as the trainer tells it."""

    number: int
    """As the trainer counts: from 0 or from 1."""
    loss: float | None
    lr: float | None


class Numbering(NamedTuple):
    """How a trainer counts the steps that it tells."""

    first: int
    """0 or 1 where it starts with its first step."""
    stride: int
    """The most frequent distance between two."""

    def gaps(self, steps: Sequence[Step], told: Recognised | None = None) -> list[str]:
        """Return where numbers do not go on as they should; the last distance may be shorter.

        Args:
            steps: Those of one start.
            told: Where they are told: a bar leaves out steps by right, and a log does not.
        """
        throttled = told is None or told.is_bar
        stride = self.stride if throttled else self._finest(steps)
        # A log that told every step until then has lost those before its last.
        is_even = len(steps) >= _FEWEST and self.regular(steps[:-1], stride, _OFTEN)
        last = None if is_even and told and told.is_log else steps[-1].number
        wrong = [
            f"{a.number} is followed by {b.number}"
            for a, b in pairwise(steps)
            if not _continues(a.number, b.number, stride, last=last)
        ]
        regular = self.regular(steps, stride, _OFTEN if throttled else _OFTEN_IN_A_LOG)
        return wrong if regular else [each for each in wrong if _goes_back(each)]

    def regular(self, steps: Sequence[Step], stride: int = 0, share: float = 0.8) -> bool:
        """Whether most steps are told at the same distance; a throttled bar tells some of them."""
        gaps = [b.number - a.number for a, b in pairwise(steps)]
        return gaps.count(stride or self.stride) >= share * len(gaps)

    def _finest(self, steps: Sequence[Step]) -> int:
        """Return the distance that all steps of a log's later half are multiples of.

        The first steps, and the last one, may be told beside it.
        """
        later = [step.number for step in steps[len(steps) // 2 : -1]]
        gaps = [b - a for a, b in pairwise(later)]
        return math.gcd(*gaps) if len(gaps) > 1 and min(gaps) > 0 else self.stride

    def made_by(self, steps: Sequence[Step]) -> int:
        """Return how many steps may have been made at the end: the last ones need not be told."""
        return steps[-1].number - self.first + 1 + (self.stride - 1 if self.stride > 1 else 0)

    def updates(self, last: int) -> int:
        """Return how many updates were made by a step that is told, the last one where all are."""
        return last + 1 - self.first if self.stride == 1 else last

    def due(self, steps: int, last: int) -> int:
        """Return how many updates a training of so many steps is to make.

        One that counts from 0 may make the last number's, too: it ends when it is passed.
        """
        return steps + 1 if self.first == 0 and last == steps else steps

    def made_before(self, number: int) -> int:
        """Return how many steps were made for certain before step ``number`` was told."""
        return max(0, number - self.stride) if self.stride > 1 else max(0, number - self.first)


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """Where steps are told, and how."""

    name: str
    """Of the form, or the kind of file."""
    place: str
    """``what it prints``, or a file of the output folder."""
    word: str = ""
    """What the form calls a step."""
    epochs_from: int = 0
    """The first epoch's number, where steps are counted within epochs."""
    steps_an_epoch: float = 0.0
    """Where dictionaries tell epochs and no steps."""
    in_lines: bool = False
    """Whether nothing tells how many steps lie between two lines: these are counted instead."""
    is_drawn: bool = False
    """Whether a clock draws it: the loss beside a step may be that of the step before."""
    count: int = 0
    sample: str = ""

    @property
    def is_bar(self) -> bool:
        """Whether it is a progress bar, which is drawn so many times a second."""
        return "progress bar" in self.name and self.name != DICTIONARY

    @property
    def is_log(self) -> bool:
        """Whether it is written step by step: no bar, and not the names of checkpoints."""
        return not self.is_bar and self.place != CHECKPOINTS

    @property
    def words(self) -> str:
        """All of it in a sentence."""
        example = f", such as {self.sample!r}" if self.sample else ""
        drawn = "; it is drawn by a clock, and its losses are not compared" if self.is_drawn else ""
        return f"{self.name} in {self.place}: {self.count} steps told{example}{drawn}"


def last_step(steps: Sequence[Step]) -> int:
    """Return the number of the last step; 0 if there is none."""
    return steps[-1].number if steps else 0


def numbering_of(steps: Sequence[Step]) -> Numbering:
    """Return how the steps of an uninterrupted training are counted.

    Raises:
        SubjectError: None are told.
    """
    if not steps:
        raise SubjectError(
            "no steps were recognised in what the trainer prints or in its files; give log_file, "
            "or log_pattern with (?P<step>…) and (?P<loss>…)"
        )
    gaps = [b.number - a.number for a, b in pairwise(steps)]
    gaps = [gap for gap in gaps if gap > 0]
    stride = max(set(gaps), key=gaps.count) if gaps else 1
    return Numbering(min(steps[0].number, 1), stride)


def _continues(before: int, number: int, stride: int, *, last: int | None) -> bool:
    """Say whether a number comes after another, and no later than it should; the last one may."""
    return before < number and (number - before <= stride or number == last)


def _goes_back(words: str) -> bool:
    first, _, second = words.partition(" is followed by ")
    return int(second) <= int(first)
