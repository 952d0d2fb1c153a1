"""Documents packed side by side into rows: right ways are recognised, and what is lost is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from proofbook_systems.foundry.packing import align_packed, find_packed
from proofbook_systems.foundry.stores import Store

Rows = list[list[int]]
LENGTH = 64


def store(rows: Rows, name: str = "x") -> Store:
    return Store(
        path=Path(name), form="rows", flat=np.asarray([id_ for row in rows for id_ in row]),
        lengths=np.asarray([len(row) for row in rows]),
    )  # fmt: skip


CHANCE = np.random.default_rng(3)
DOCS: Rows = [[*CHANCE.integers(5, 300, CHANCE.integers(3, 110)).tolist(), 1] for _ in range(40)]
SHORT: Rows = [row[:LENGTH] for row in DOCS]
SPLIT: Rows = [row[at : at + LENGTH] for row in DOCS for at in range(0, len(row), LENGTH)]


def packed(pieces: Rows) -> Rows:
    """Return rows of whole pieces: the longest first, each where the least room is left."""
    found: Rows = []
    for piece in sorted(pieces, key=len, reverse=True):
        fitting = [row for row in found if len(row) + len(piece) <= LENGTH]
        if fitting:
            max(fitting, key=len).extend(piece)
        else:
            found.append(list(piece))
    return found


def test_documents_that_are_split_lose_nothing() -> None:
    rows = store(packed(SPLIT))
    found = align_packed(rows, store(DOCS))
    assert (found.departure, found.agreed) == ("", sum(map(len, DOCS)))


@pytest.mark.parametrize("side", ["ends", "beginnings"])
def test_what_is_cut_off_long_documents_is_told(side: str) -> None:
    pieces = SHORT if side == "ends" else [row[-LENGTH:] for row in DOCS]
    found = align_packed(store(packed(pieces)), store(DOCS))
    over = [len(row) - LENGTH for row in DOCS if len(row) > LENGTH]
    assert found.departure == (
        f"the {side} of {len(over)} documents longer than 64 ids are in no row: {sum(over)} tokens"
    )
    assert found.agreed == sum(map(len, pieces))


def _longest(pieces: Rows) -> int:
    return max(range(len(pieces)), key=lambda number: len(pieces[number]) % LENGTH)


SPOILT = {
    "lost": (lambda pieces, at: [*pieces[:at], *pieces[at + 1 :]], "are in no row: first"),
    "twice": (lambda pieces, at: [*pieces, pieces[at]], "are in rows twice: first"),
    "changed": (lambda pieces, at: [*pieces[:at], [9, *pieces[at][1:]], *pieces[at + 1 :]],
                "it is no document"),
    "shifted": (lambda pieces, at: [*pieces[:at], pieces[at][1:], *pieces[at + 1 :]],
                "it is no document"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_document_that_is_spoilt_is_named(name: str) -> None:
    spoil, words = SPOILT[name]
    at = _longest(SPLIT)
    found = align_packed(store(packed(spoil(SPLIT, at))), store(DOCS))
    assert words in found.departure
    owner = next(number for number, row in enumerate(DOCS) if SPLIT[at][:3] == row[:3])
    assert name in ("changed", "shifted") or found.departure.endswith(f"ids of document {owner}")


def test_only_rows_of_several_documents_are_packed() -> None:
    tokens, rows = store(DOCS, "tokens"), store(packed(SPLIT), "packed")
    cut, mixed = store(SHORT, "cut"), store(DOCS[::-1], "mixed")
    held = store(DOCS[:9], "held")
    assert find_packed([tokens, rows, cut, mixed, held]) == [rows]
    assert find_packed([tokens, cut, mixed, held]) == []
    assert find_packed([rows]) == []
