"""Chunks against tokens: what is lost or doubled is found where it is, what is right passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofbook_systems.foundry.alignment import align
from proofbook_systems.foundry.stores import Store

LENGTH = 16
Rows = list[list[int]]


def store(rows: Any) -> Store:
    arrays = [np.asarray(row, np.int64) for row in rows]
    return Store(
        path=Path("x"), form="rows", flat=np.concatenate(arrays),
        lengths=np.asarray([row.size for row in arrays]),
    )  # fmt: skip


def documents(count: int = 60, seed: int = 0) -> Rows:
    chance = np.random.default_rng(seed)
    return [chance.integers(5, 300, chance.integers(3, 40)).tolist() for _ in range(count)]


def cut(ids: list[int], length: int = LENGTH) -> Rows:
    return [ids[at : at + length] for at in range(0, len(ids) - length + 1, length)]


def cut_all(ids: list[int]) -> Rows:
    return [ids[at : at + LENGTH] for at in range(0, len(ids), LENGTH)]


def flat(rows: Rows) -> list[int]:
    return [id_ for row in rows for id_ in row]


def padded(rows: Rows, length: int = LENGTH) -> Rows:
    return [row + [0] * (length - len(row)) for row in rows]


def grouped(rows: Rows, batch: int) -> Rows:
    return [row for at in range(0, len(rows), batch) for row in cut(flat(rows[at : at + batch]))]


def with_pad(ids: list[int]) -> Rows:
    return cut(ids + [0] * (-len(ids) % LENGTH))


def windows(ids: list[int], step: int) -> Rows:
    return [ids[at : at + LENGTH] for at in range(0, len(ids) - LENGTH + 1, step)]


def packed(rows: Rows) -> Rows:
    """Return whole documents, the longest first, each in the first row with room for it."""
    found: Rows = []
    for row in sorted(rows, key=len, reverse=True):
        fitting = next((each for each in found if len(each) + len(row) <= LENGTH), None)
        found = found if fitting is not None else [*found, []]
        (found[-1] if fitting is None else fitting).extend(row)
    return padded(found)


def framed(ids: list[int]) -> Rows:
    return [[2, *ids[at : at + LENGTH - 2], 1] for at in range(0, len(ids), LENGTH - 2)]


def overlapping(ids: list[int], step: int) -> Rows:
    """Return windows up to the end, of which the last is shorter."""
    size = len(ids) - (LENGTH - step)
    return [ids[at : at + LENGTH] for at in range(0, size, step)]


def before(rows: Rows) -> Rows:
    return [[0] * (LENGTH - len(row)) + row for row in rows]


DOCS = documents()
UNEVEN = documents(59)
SHORT = [row[:LENGTH] for row in DOCS]
BRIEF = [row[: LENGTH // 2] for row in DOCS]

RIGHT: dict[str, tuple[Rows, Rows]] = {
    "the remainder is dropped": (cut(flat(DOCS)), DOCS),
    "the remainder is padded": (with_pad(flat(DOCS)), DOCS),
    "the last row is shorter": (
        [*cut(flat(DOCS)), flat(DOCS)[len(cut(flat(DOCS))) * LENGTH :]], DOCS,
    ),
    "an end between documents": (with_pad(flat([[*row, 1] for row in DOCS])), DOCS),
    "a start and an end between documents": (with_pad(flat([[2, *row, 1] for row in DOCS])), DOCS),
    "a start in every chunk": (
        [[2, *row] for row in cut(flat(DOCS), LENGTH - 1)], DOCS,
    ),
    "a document a row": (padded(SHORT), SHORT),
    "each batch drops its remainder": (grouped(DOCS, 10), DOCS),
    "windows that overlap": (windows(flat(DOCS), 5), DOCS),
    "rows written in another order": (cut(flat(DOCS))[::-1], DOCS),
    "documents in another order": (cut(flat(DOCS[::-1])), DOCS),
    "an end and padding after each document": (padded([[*row, 1] for row in BRIEF]), BRIEF),
    "documents cut and padded, with an end": (
        padded([part for row in DOCS for part in cut_all([*row, 1])]), DOCS,
    ),
    "padding in front of documents": (before(BRIEF), BRIEF),
    "whole documents packed in another order": (packed(BRIEF), BRIEF),
    "packed in another order, with ends": (packed([[*row, 1] for row in BRIEF]), BRIEF),
    "documents and ends in another order": (
        with_pad(flat([[*row, 1] for row in DOCS[::-1]])), DOCS,
    ),
    "the last row begins earlier": ([*cut(flat(UNEVEN)), flat(UNEVEN)[-LENGTH:]], UNEVEN),
    "one stream without documents": (cut(flat(DOCS)), [flat(DOCS)]),
    "a start and an end in every chunk": (padded(framed(flat(DOCS))), DOCS),
    "parts of documents, each with a start and an end": (
        padded([part for row in DOCS for part in framed(row)]), DOCS,
    ),
    "parts with a start and an end, not padded": (
        [part for row in DOCS for part in framed(row)], DOCS,
    ),
    "windows that overlap, the last one shorter": (overlapping(flat(DOCS), 11), DOCS),
    "ids that repeat": (with_pad([7] * 100), [[7] * 100]),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_chunks_pass_however_they_were_cut(name: str) -> None:
    chunks, tokens = RIGHT[name]
    found = align(store(chunks), store(tokens), LENGTH)
    assert found.departure == ""
    assert found.in_order == ("another order" not in name)
    assert found.remainder < LENGTH * (6 if "batch" in name else 1)


def _drop_token(rows: Rows) -> Rows:
    ids = flat(rows)
    return with_pad(ids[:100] + ids[101:])


def _change(rows: Rows) -> Rows:
    rows = cut(flat(rows))
    rows[4][3] += 1
    return rows


def _swap(rows: Rows) -> Rows:
    rows = cut(flat(rows))
    rows[3], rows[4] = rows[3][:8] + rows[4][8:], rows[4][:8] + rows[3][8:]
    return rows


WRONG: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "a token is dropped": (_drop_token, "row 6, place 4: 1 tokens from token 100 on are missing"),
    "a token is doubled": (
        lambda rows: with_pad([*flat(rows)[:100], *flat(rows)[99:]]), "row 6, place 4: 1 ids",
    ),
    "a row is doubled": (
        lambda rows: [r for i, r in enumerate(cut(flat(rows))) for r in [r] * (1 + (i == 5))],
        "repeats row 5",
    ),
    "a row is lost": (
        lambda rows: cut(flat(rows))[:5] + cut(flat(rows))[6:],
        "row 5, place 0: 16 tokens from token 80 on are missing, 1 whole rows",
    ),
    "the last rows are lost": (
        lambda rows: cut(flat(rows))[:-2], "whole chunks of them, are in no chunk",
    ),
    "the first token of each chunk is lost": (
        lambda rows: [flat(rows)[at + 1 : at + 1 + LENGTH] for at in range(0, 900, LENGTH + 1)],
        "row 0, place 0: 1 tokens from token 0 on",
    ),
    "a token is another": (_change, "in place of token 67"),
    "each document is cut short": (
        lambda rows: padded([row[:LENGTH] for row in rows]), "missing",
    ),
    "halves of rows are exchanged": (_swap, "row 3, place 8"),
    "the end of every document is left out": (
        lambda rows: with_pad(flat([row[:-1] for row in rows])), "1 tokens from token",
    ),
    "a document is left out": (
        lambda rows: with_pad(flat(rows[:7] + rows[8:])), "missing",
    ),
    "a chunk is put in twice at the end": (
        lambda rows: [*cut(flat(rows)), cut(flat(rows))[-1]], "ids",
    ),
    "a start and an end take the places of tokens": (
        lambda rows: padded([[2, *row[1:-1], 1] for row in cut(flat(rows))]), "row 0, place 0",
    ),
    "a token is lost between a start and an end": (
        lambda rows: padded(framed(flat(rows)[:100] + flat(rows)[101:])), "row 0, place 0",
    ),
    "a window that overlaps is lost": (
        lambda rows: [r for i, r in enumerate(overlapping(flat(rows), 11)) if i != 5], "row 1",
    ),
    "ids are of a narrower type": (
        lambda rows: with_pad([id_ % 256 for id_ in flat(rows)]), "in place of token",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_chunks_are_found_where_they_depart(name: str) -> None:
    spoil, words = WRONG[name]
    assert words in align(store(spoil(DOCS)), store(DOCS), LENGTH).departure


@pytest.mark.parametrize(
    "spoil",
    [lambda row: row[1:], lambda row: [*row, row[0]], lambda row: [row[0] + 300, *row[1:]],
     lambda row: [row[0], 1, *row[1:]], lambda row: []],
    ids=["short", "long", "other", "parted", "left out"],
)  # fmt: skip
def test_a_document_that_is_spoilt_is_found_in_any_order(spoil: Callable[[Any], Any]) -> None:
    rows = packed([spoil(row) if number == 20 else row for number, row in enumerate(BRIEF)])
    assert align(store(rows), store(BRIEF), LENGTH).departure


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=12), min_size=1, max_size=12),
    st.integers(1, 7), st.booleans(),
)  # fmt: skip
def test_any_documents_cut_in_any_length_pass(rows: Rows, length: int, pad: bool) -> None:
    ids = flat(rows) + ([0] * (-len(flat(rows)) % length) if pad else [])
    chunks = cut(ids, length)
    if chunks:
        assert align(store(chunks), store(rows), length).departure == ""


@given(st.integers(0, 10_000), st.integers(0, 2000))
def test_any_lost_token_is_found(seed: int, place: int) -> None:
    rows = documents(40, seed)
    ids = flat(rows)
    place %= len(ids) - 2 * LENGTH
    lost = ids[:place] + ids[place + 1 :]
    assert align(store(cut(lost)), store(rows), LENGTH).departure
