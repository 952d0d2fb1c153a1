"""Chunks of public data pipelines: each way to cut is right, and a defect in each is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from proofbook_systems.foundry.alignment import Alignment, align
from proofbook_systems.foundry.stores import Store

Rows = list[list[int]]
LENGTH, PAD, END, START = 16, 0, 1, 2


def store(rows: Rows) -> Store:
    return Store(
        path=Path("x"), form="rows", flat=np.asarray([id_ for row in rows for id_ in row]),
        lengths=np.asarray([len(row) for row in rows]),
    )  # fmt: skip


CHANCE = np.random.default_rng(0)
DOCS: Rows = [CHANCE.integers(5, 300, CHANCE.integers(3, 40)).tolist() for _ in range(20)]
ENDED = [[*row, END] for row in DOCS]
BOTH = [[START, *row, END] for row in DOCS]


def flat(rows: Rows) -> list[int]:
    return [id_ for row in rows for id_ in row]


def mixed(rows: Rows) -> Rows:
    return [rows[int(place)] for place in np.random.default_rng(1).permutation(len(rows))]


def windows(ids: list[int], step: int, rest: str = "short", length: int = LENGTH) -> Rows:
    """Return parts of ids that begin ``step`` apart, and the rest as it is wanted."""
    starts = [*range(0, max(0, len(ids) - length) + 1, step)]
    found = [ids[at : at + length] for at in starts if at + length <= len(ids)]
    if found and starts[-1] + length == len(ids):
        return found
    more = {"short": ids[starts[-1] + step if found else 0 :], "earlier": ids[-length:]}
    return [*found, more[rest]] if rest in more else found


def each(rows: Rows, step: int, rest: str = "short", length: int = LENGTH) -> Rows:
    return [part for row in rows for part in windows(row, step, rest, length)]


def behind(rows: Rows) -> Rows:
    return [row + [PAD] * (LENGTH - len(row)) for row in rows]


def before(rows: Rows) -> Rows:
    return [[PAD] * (LENGTH - len(row)) + row for row in rows]


def framed(rows: Rows) -> Rows:
    return [[START, *row, END] for row in rows]


def grouped(rows: Rows, batch: int) -> Rows:
    return [part for at in range(0, len(rows), batch)
            for part in windows(flat(rows[at : at + batch]), LENGTH, "dropped")]  # fmt: skip


def packed(rows: Rows) -> Rows:
    """Return rows of whole parts, the longest first, each in the first one with room for it."""
    found: Rows = []
    for row in sorted(rows, key=len, reverse=True):
        fitting = next((each for each in found if len(each) + len(row) <= LENGTH), None)
        found = found if fitting is not None else [*found, []]
        (found[-1] if fitting is None else fitting).extend(row)
    return behind(found)


RIGHT: dict[str, Rows] = {
    "documents with a stride": behind(each(DOCS, 10)),
    "documents with a stride, each part with a start and an end": behind(
        framed(each(DOCS, 8, length=LENGTH - 2))
    ),
    "documents with a stride from every start": behind(
        [row[at : at + LENGTH] for row in DOCS for at in range(0, len(row), 10)]
    ),
    "the remainder of each document is dropped": each(DOCS, LENGTH, "dropped"),
    "the remainder of each document with an end is dropped": each(ENDED, LENGTH, "dropped"),
    "padding in front, with an end": before(each(ENDED, LENGTH)),
    "padding in front, with a start and an end": before(each(BOTH, LENGTH)),
    "padded, in any order": mixed(behind(each(DOCS, LENGTH))),
    "padded in front with an end, in any order": mixed(before(each(ENDED, LENGTH))),
    "padded with an id of texts, in any order": mixed(
        [row + [7] * (LENGTH - len(row)) for row in each(DOCS, LENGTH)]
    ),
    "the last row begins earlier, with ends": windows(flat(ENDED), LENGTH, "earlier"),
    "a dropped remainder with ends, in any order": mixed(windows(flat(ENDED), LENGTH, "dropped")),
    "each batch drops its remainder, with ends": grouped(ENDED, 10),
    "mixed documents, each batch drops its remainder": grouped(mixed(ENDED), 7),
    "samples that share one token, in any order": mixed(windows(flat(ENDED), LENGTH - 1, "no")),
    "samples that share one token, of mixed documents": windows(
        flat(mixed(BOTH)), LENGTH - 1, "dropped"
    ),
    "parts of documents packed in another order": packed(each(BOTH, LENGTH)),
    "an end in every chunk": [
        [*row, END] for row in windows(flat(DOCS), LENGTH - 1, "dropped", LENGTH - 1)
    ],
}  # fmt: skip


def aligned(rows: Rows) -> Alignment:
    return align(store(rows), store(DOCS), LENGTH)


@pytest.mark.parametrize("name", RIGHT)
def test_what_public_pipelines_make_is_right(name: str) -> None:
    assert aligned(RIGHT[name]).departure == ""


def _change(rows: Rows) -> Rows:
    row = next(row for row in rows[len(rows) // 2 :] if sum(id_ > END + 1 for id_ in row) > 4)
    place = next(place for place, id_ in enumerate(row) if id_ > START + 1 and place > 2)
    changed = [*row[:place], row[place] % 299 + 1 if row[place] % 299 > 4 else 9, *row[place + 1 :]]
    return [changed if each is row else each for each in rows]


def _double(rows: Rows) -> Rows:
    middle = len(rows) // 2
    return [*rows[:middle], rows[middle], *rows[middle:]]


def _lose(rows: Rows) -> Rows:
    middle = len(rows) // 2
    return [*rows[:middle], *rows[middle + 1 :]]


@pytest.mark.parametrize("spoil", [_change, _double, _lose], ids=["changed", "twice", "lost"])
@pytest.mark.parametrize("name", RIGHT)
def test_a_row_that_is_spoilt_is_found_however_chunks_were_cut(
    name: str, spoil: Callable[[Rows], Rows]
) -> None:
    assert aligned(spoil(RIGHT[name])).departure


def test_a_document_that_is_lost_in_mixed_batches_is_found() -> None:
    longest = max(range(len(DOCS)), key=lambda number: len(DOCS[number]))
    left = [row for number, row in enumerate(ENDED) if number != longest]
    assert aligned(grouped(mixed(left), 10)).departure


def test_a_short_row_that_is_lost_is_found_where_others_are_padded() -> None:
    rows = behind(each(ENDED, LENGTH))
    short = [number for number, row in enumerate(rows) if PAD in row and row[0] != END]
    found = [aligned([*rows[:number], *rows[number + 1 :]]).departure for number in short]
    assert len(found) > 5
    assert all(found)


@pytest.mark.parametrize("is_before", [False, True])
def test_padding_is_told_where_it_is_in_any_order(is_before: bool) -> None:
    rows = mixed((before if is_before else behind)(each(DOCS, LENGTH)))
    found = aligned(rows)
    assert found.padding == sum(row.count(PAD) for row in rows)
    assert not found.in_order
    assert {each.chunk for each in found.padded} == {n for n, row in enumerate(rows) if PAD in row}
    assert all(rows[each.chunk][each.place - is_before] == PAD for each in found.padded)


def test_what_is_left_out_is_counted() -> None:
    kept = sum(len(row) // LENGTH * LENGTH for row in DOCS)
    found = aligned(each(DOCS, LENGTH, "dropped"))
    assert (found.agreed, found.remainder) == (kept, len(flat(DOCS)) - kept)


def test_an_overlap_is_told() -> None:
    assert aligned(behind(each(DOCS, 10))).overlap == LENGTH - 10


SHORT: Rows = [CHANCE.integers(5, 300, CHANCE.integers(1, 9)).tolist() for _ in range(300)]


def batches(rows: Rows, batch: int, less: int) -> Rows:
    """Return chunks of so many rows at a time, without the last ones of each."""
    found = [windows(flat(rows[at : at + batch]), LENGTH, "dropped")
             for at in range(0, len(rows), batch)]  # fmt: skip
    return [part for parts in found for part in (parts[:-less] if less else parts)]


@pytest.mark.parametrize("batch", [150, 130])
def test_whole_chunks_that_each_batch_of_short_documents_loses_are_found(batch: int) -> None:
    tokens = store(SHORT)
    assert align(store(batches(SHORT, batch, 0)), tokens, LENGTH).departure == ""
    for less in (1, 2):
        assert align(store(batches(SHORT, batch, less)), tokens, LENGTH).departure
