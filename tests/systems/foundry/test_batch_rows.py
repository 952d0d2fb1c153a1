"""Rows as trainers make them of chunks of many lengths: filled up, or a whole batch in one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from proofbook_systems.foundry.batches import Batches, judge_batches
from proofbook_systems.foundry.joined_rows import part_rows
from proofbook_systems.foundry.stages import last_stages
from proofbook_systems.foundry.stores import Store
from proofbook_systems.training.running import Ended
from proofbook_systems.training.watching import Batch, Row, Update, Watched, row_digest

NONE = frozenset[str]()
ENDED = Ended(code=0, state="exited with code 0", steps=[], printed="", seconds=1.0)
Ids = list[int]


def store(rows: Sequence[Ids], name: str = "rows.arrow") -> Store:
    return Store(
        path=Path(name), form="Arrow", flat=np.asarray(joined(rows)[0], np.int64),
        lengths=np.asarray([len(row) for row in rows], np.int64),
    )  # fmt: skip


def trained(batches: Sequence[Sequence[Ids]], stores: Sequence[Store]) -> Batches:
    """Return a training whose updates have one batch each."""
    updates = []
    for number, rows in enumerate(batches, 1):
        seen = tuple(Row(row_digest(row), tuple(row), row_digest(row), len(row)) for row in rows)
        updates.append(Update(
            number=number, batches=(Batch((len(rows), len(rows[0])), seen),), moved=NONE,
            unmoved=NONE, no_gradient=NONE, zero_gradient=NONE, grad_norm=1.0, rates=(),
        ))  # fmt: skip
    stages = last_stages(stores)
    return Batches(
        ended=ENDED, watched=part_rows(Watched(updates=tuple(updates)), stages),
        stores=tuple(stages), tokens=(), held_out=frozenset(), held_tokens=frozenset(),
    )  # fmt: skip


chance = np.random.default_rng(3)
ROWS = [chance.integers(5, 90, int(n)).tolist() for n in chance.integers(3, 17, 24)]
ROWS[4] = [*ROWS[4], 1]  # ends with the id that others are filled up with
EPOCH = [[ROWS[place] for place in order] for order in np.arange(24).reshape(6, 4)]


def filled(rows: list[Ids], *, before: bool = False) -> list[Ids]:
    size = max(map(len, rows))
    return [[1] * (size - len(row)) + row if before else row + [1] * (size - len(row))
            for row in rows]  # fmt: skip


def joined(rows: Sequence[Ids]) -> list[Ids]:
    return [[id_ for row in rows for id_ in row]]


RIGHT = {
    "filled up": filled,
    "filled up in front": lambda rows: filled(rows, before=True),
    "a batch in one row": joined,
}


@pytest.mark.parametrize("name", RIGHT)
def test_rows_are_found_however_a_batch_is_made(name: str) -> None:
    seen = trained([RIGHT[name](rows) for rows in EPOCH * 2], [store(ROWS)])
    assert (seen.origins.kind, seen.origins.unknown, seen.wrong_lengths(0)) == ("chunks", [], [])
    assert [row.place for row in seen.origins.rows] == [*range(24)] * 2
    issues = judge_batches(seen, "recognised")
    assert [found for found, _ in issues.values()] == [[], []]


@pytest.mark.parametrize("name", RIGHT)
def test_a_row_that_is_cut_short_is_of_no_chunk(name: str) -> None:
    spoilt = [[row[:-3] if row is ROWS[9] else row for row in rows] for rows in EPOCH]
    assert trained([RIGHT[name](rows) for rows in spoilt], [store(ROWS)]).origins.unknown


def test_what_is_learnt_of_a_batch_in_one_row_is_told_of_its_parts() -> None:
    (row,) = joined(ROWS[:3])
    told = Row(row_digest(row), tuple(row), row_digest(row), len(ROWS[0]) + 1)
    update = Update(
        number=1, batches=(Batch((1, len(row)), (told,)),), moved=NONE, unmoved=NONE,
        no_gradient=NONE, zero_gradient=NONE, grad_norm=1.0, rates=(),
    )  # fmt: skip
    parts = part_rows(Watched(updates=(update,)), [store(ROWS)]).rows(1)
    assert [part.first for part in parts] == [tuple(each) for each in ROWS[:3]]
    assert [part.learnt for part in parts] == [len(ROWS[0]), 1, 0]


def test_earlier_stages_of_the_same_rows_are_not_missed_in_training() -> None:
    short = [row[:8] for row in ROWS]
    packed = [short[n] + short[n + 1] for n in range(0, 24, 2)]
    stages = [store(each, f"{n}.arrow") for n, each in enumerate((ROWS, ROWS, short, packed))]
    assert [each.path.name for each in last_stages(stages[:3])] == ["2.arrow"]
    assert [each.path.name for each in last_stages(stages)] == ["3.arrow"]
    assert [each.path.name for each in last_stages(stages[:2])] == ["0.arrow"]


def test_a_part_of_the_data_that_nobody_reads_is_missed() -> None:
    seen = trained(
        [filled(rows) for rows in EPOCH[:3] * 3], [store(ROWS[:12], "a"), store(ROWS[12:], "b")]
    )
    assert len(seen.stores) == 2
    found, _ = judge_batches(seen, "recognised")["no-chunk-missed"]
    assert found


def test_a_cache_without_a_name_may_be_of_a_part_that_is_held_out() -> None:
    read, other = store(ROWS[:12], f"cache-{'a0' * 8}.arrow"), f"cache-{'b1' * 8}"
    for name, missed in ((f"{other}.arrow", False), (f"{other}_00001_of_00002.arrow", True)):
        seen = trained([filled(rows) for rows in EPOCH[:3] * 3], [read, store(ROWS[12:], name)])
        found, why = judge_batches(seen, "recognised")["no-chunk-missed"]
        assert bool(found) == missed
        assert (f"nothing was trained on of {name}, 12 rows" in why) != missed
