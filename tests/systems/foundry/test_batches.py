"""Rows of batches: where they come from, and in what order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from proofbook_systems.foundry.epochs import Order, compare_orders, judge_order
from proofbook_systems.foundry.rows import find_origins
from proofbook_systems.foundry.stores import Ids, Store
from proofbook_systems.training.watching import Row, row_digest

SIZE, BATCH = 22, 4


def orders(epochs: int, size: int = SIZE, *, seed: int = 0, same: bool = False) -> list[list[int]]:
    chance = np.random.default_rng(seed)
    first = chance.permutation(size).tolist()
    return [first if same else chance.permutation(size).tolist() for _ in range(epochs)]


def joined(parts: list[list[int]], *, drop: bool = False) -> list[int]:
    return [
        place for part in parts for place in (part[: len(part) // BATCH * BATCH] if drop else part)
    ]


RIGHT = {
    "all rows": joined(orders(3)),
    "the rest of a batch is dropped": joined(orders(4), drop=True),
    "an epoch that is not over": joined(orders(2))[:30],
    "less than one epoch": joined(orders(1))[:10],
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_orders_pass(name: str) -> None:
    order = judge_order(RIGHT[name], SIZE, BATCH)
    assert (order.twice, order.missed) == ([], [])
    assert not order.is_file_order
    assert not order.repeats


def test_chunks_with_the_same_ids_may_come_as_often_as_they_are_there() -> None:
    alike = [0, 0, *range(2, SIZE)]
    places = joined([[0, *row[1:]] for row in ([0, 0, *range(2, SIZE)],) * 2])
    order = judge_order(places, SIZE, BATCH, alike)
    assert (order.twice, order.missed) == ([], [])


def _with_replacement() -> list[int]:
    return list(map(int, np.random.default_rng(1).integers(0, SIZE, 3 * SIZE)))


def _one_never() -> list[int]:
    return [place for place in joined(orders(4)) if place != 5]


def _each_worker_all() -> list[int]:
    return [place for part in orders(2) for place in part for _ in range(2)]


WRONG: dict[str, tuple[Callable[[], list[int]], Callable[[Order], bool]]] = {
    "drawn with replacement": (_with_replacement, lambda order: bool(order.twice)),
    "one chunk never comes": (_one_never, lambda order: bool(order.twice or order.missed)),
    "each worker gives every row": (_each_worker_all, lambda order: bool(order.twice)),
    "nothing is shuffled": (
        lambda: joined([list(range(SIZE))] * 3), lambda order: bool(order.is_file_order),
    ),
    "batches are shuffled and rows are not": (
        lambda: [4 * b + row for b in (3, 0, 4, 1, 2) for row in range(4)],
        lambda order: bool(order.is_file_order),
    ),
    "each epoch has the same order": (
        lambda: joined(orders(3, same=True)), lambda order: bool(order.repeats),
    ),
    "the second epoch begins in the middle": (
        lambda: joined([orders(1)[0], orders(1, seed=4)[0][11:], *orders(2, seed=5)]),
        lambda order: bool(order.twice),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_orders_are_found(name: str) -> None:
    make, is_found = WRONG[name]
    assert is_found(judge_order(make(), SIZE, BATCH))


def test_workers_may_change_the_order_within_an_epoch_and_no_row() -> None:
    first = joined(orders(2))
    assert compare_orders(first, first, SIZE) == ""
    assert compare_orders(first, first[:SIZE][::-1] + first[SIZE:], SIZE) == ""
    assert "chunk" in compare_orders(first, [first[1], *first[1:]], SIZE)
    assert "row 3" in compare_orders(first[:9], [*first[:3], 99, *first[4:9]], SIZE)


def make_store(rows: Ids) -> Store:
    lengths = np.full(len(rows), rows.shape[1])
    return Store(path=Path("x"), form="rows", flat=rows.ravel(), lengths=lengths)


def as_row(ids: Ids) -> Row:
    return Row(row_digest(ids), tuple(ids.tolist()), row_digest(ids))


CHUNKS = np.random.default_rng(0).integers(0, 500, (30, 12))


@pytest.mark.parametrize("part", [slice(None), slice(None, -1), slice(1, None)])
def test_a_row_is_a_chunk_whole_or_without_its_ends(part: slice) -> None:
    rows = [as_row(CHUNKS[place][part]) for place in (4, 17, 4)]
    found = find_origins(rows, [make_store(CHUNKS)], [])
    assert found.kind == "chunks"
    assert [row.place for row in found.rows] == [4, 17, 4]


def test_masked_rows_are_told_by_what_is_left_of_them() -> None:
    chance = np.random.default_rng(1)
    masked = np.where(chance.random(CHUNKS.shape) < 0.15, 1, CHUNKS)
    masked[:, 0] = 1
    found = find_origins([as_row(row) for row in masked], [make_store(CHUNKS)], [])
    assert (found.kind, found.unknown) == ("masked chunks", [])
    assert [row.place for row in found.rows] == list(range(30))


def test_windows_are_found_wherever_they_begin() -> None:
    flat = CHUNKS.ravel()
    rows = [as_row(flat[at : at + 12]) for at in (5, 77, 300)]
    found = find_origins(rows, [], [make_store(CHUNKS[:2]), make_store(CHUNKS)])
    assert found.kind == "windows"
    assert [(row.store, row.place) for row in found.rows] == [(0, 5), (1, 77), (1, 300)]


def test_the_one_row_that_differs_is_named_with_its_place() -> None:
    rows = CHUNKS[:9].copy()
    rows[3, 7] = 499
    found = find_origins([as_row(row) for row in rows], [make_store(CHUNKS)], [])
    assert found.unknown == [f"row 3: chunk 3, but id 499 in place of {CHUNKS[3, 7]} at place 7"]


@pytest.mark.parametrize(
    "spoil", [lambda row: row + 1, lambda row: row[::-1], lambda row: row % 16]
)
def test_rows_of_other_ids_are_of_no_data(spoil: Callable[[Ids], Ids]) -> None:
    found = find_origins([as_row(spoil(row)) for row in CHUNKS], [make_store(CHUNKS)], [])
    assert found.kind == "unknown"
    assert len(found.unknown) == 10
