"""Mixed documents, cut across each other, whose rows were mixed once more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from proofbook_systems.foundry.alignment import align
from proofbook_systems.foundry.stores import Store

Rows = list[list[int]]
LENGTH = 32


def store(rows: Rows) -> Store:
    return Store(
        path=Path("x"), form="rows", flat=np.asarray([id_ for row in rows for id_ in row]),
        lengths=np.asarray([len(row) for row in rows]),
    )  # fmt: skip


CHANCE = np.random.default_rng(5)
DOCS: Rows = [CHANCE.integers(5, 300, CHANCE.integers(5, 90)).tolist() for _ in range(80)]


def crossed(documents: Rows) -> Rows:
    """Return rows of mixed documents, mixed once more."""
    flat = [id_ for at in CHANCE.permutation(len(documents)) for id_ in documents[at]]
    rows = [flat[at : at + LENGTH] for at in range(0, len(flat) - LENGTH + 1, LENGTH)]
    return [rows[at] for at in CHANCE.permutation(len(rows))]


MARKED = {
    "no marks": DOCS,
    "an end": [[*row, 1] for row in DOCS],
    "a start": [[2, *row] for row in DOCS],
    "a start and an end": [[2, *row, 1] for row in DOCS],
}
SPOILT: dict[str, Callable[[Rows], Rows]] = {
    "lost": lambda rows: rows[1:],
    "twice": lambda rows: [*rows, rows[3]],
    "changed": lambda rows: [*rows[:4], [*rows[4][:9], 305 - rows[4][9], *rows[4][10:]], *rows[5:]],
    "in place of another": lambda rows: [*rows[:4], rows[3], *rows[5:]],
    "shifted": lambda rows: [*rows[:4], [*rows[4][1:], rows[5][0]], *rows[5:]],
}


@pytest.mark.parametrize("name", MARKED)
def test_rows_that_were_mixed_again_are_right(name: str) -> None:
    rows = crossed(MARKED[name])
    found = align(store(rows), store(DOCS), LENGTH)
    assert found.departure == ""
    assert not found.in_order
    assert found.remainder < LENGTH


@pytest.mark.parametrize("spoilt", SPOILT)
@pytest.mark.parametrize("name", MARKED)
def test_a_row_that_is_spoilt_is_found_among_them(name: str, spoilt: str) -> None:
    rows = SPOILT[spoilt](crossed(MARKED[name]))
    assert align(store(rows), store(DOCS), LENGTH).departure
