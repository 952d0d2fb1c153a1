"""The cases of a resume matrix: where a training is cut, how often, and what makes it hard."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal, NamedTuple

__all__ = ["CUTS", "KINDS", "Case", "Cut", "Kind", "list_cases"]

Cut = Literal["first", "middle", "last", "next"]
Kind = Literal["plain", "accumulation", "random-data", "dropout"]
CUTS: tuple[Cut, ...] = ("first", "middle", "last", "next")
KINDS: tuple[Kind, ...] = ("plain", "accumulation", "random-data", "dropout")
_ACCUMULATION = 2
"""Passes of a step in the kind ``accumulation``."""


class Case(NamedTuple):
    """One training that is cut and resumed."""

    workers: int
    cut: Cut
    """The step after which it stops: of the first epoch, or the first of the next one."""
    kind: Kind
    resumes: int

    @property
    def words(self) -> str:
        """What a table calls it."""
        return f"{self.kind}, {self.workers} workers, cut {self.cut}, {self.resumes} resumes"

    @property
    def passes(self) -> int:
        """Passes of a step."""
        return _ACCUMULATION if self.kind == "accumulation" else 1

    def stops(self, steps_per_epoch: int) -> list[tuple[int, int]]:
        """Return where it stops: complete steps, and passes of the step after them."""
        places = {"first": 1, "middle": steps_per_epoch // 2, "last": steps_per_epoch}
        first = places.get(self.cut, steps_per_epoch + 1)
        within = 1 if self.kind == "accumulation" else 0
        return [(first + later, within) for later in range(self.resumes)]


def list_cases(
    workers: Sequence[int], cuts: Sequence[Cut], kinds: Sequence[Kind], resumes: Sequence[int]
) -> list[Case]:
    """Return every combination."""
    return [Case(*each) for each in itertools.product(workers, cuts, kinds, resumes)]
