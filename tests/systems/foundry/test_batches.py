"""Rows that a training saw, beside the data that it may not see."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from proofbook_systems.foundry.batches import Batches, judge_batches
from proofbook_systems.foundry.stores import Store
from proofbook_systems.training.running import Ended
from proofbook_systems.training.watching import Batch, Row, Update, Watched, row_digest

ENDED = Ended(code=0, state="exited with code 0", steps=[], printed="", seconds=1.0)


def batches(held: frozenset[int], held_tokens: frozenset[int] = frozenset()) -> Batches:
    return Batches(
        ended=ENDED, watched=Watched(), stores=(), tokens=(), held_out=held, held_tokens=held_tokens
    )


def test_rows_of_a_test_are_sought_only_where_there_is_one() -> None:
    nothing = batches(frozenset()).why_leaks_unknown
    assert nothing == "no prepared data is called after a test, beside what is not"
    assert batches(frozenset({1})).why_leaks_unknown == ""
    assert batches(frozenset(), frozenset({1})).why_leaks_unknown == ""


def rows_of(*epochs: Sequence[int]) -> Batches:
    """Chunks of six ids, in these orders."""
    store = Store(
        path=Path("chunks.npy"), form="a numpy file", flat=np.arange(96, dtype=np.int64),
        lengths=np.full(16, 6, np.int64),
    )  # fmt: skip
    rows = [
        Row(row_digest(range(6 * place, 6 * place + 6)), (), "")
        for each in epochs
        for place in each
    ]
    none = frozenset[str]()
    updates = tuple(
        Update(
            number=number, batches=(Batch((1, 6), (row,)),), moved=none, unmoved=none,
            no_gradient=none, zero_gradient=none, grad_norm=1.0, rates=(),
        )
        for number, row in enumerate(rows, 1)
    )  # fmt: skip
    return Batches(
        ended=ENDED, watched=Watched(updates=updates), stores=(store,), tokens=(),
        held_out=frozenset(), held_tokens=frozenset(),
    )  # fmt: skip


def order(seed: int) -> list[int]:
    return random.Random(seed).sample(range(16), 16)


def test_each_epoch_has_an_order_of_its_own() -> None:
    found = judge_batches(rows_of(order(1), order(2), order(3)), "shuffled")
    assert {name: issues for name, (issues, _) in found.items() if issues} == {}


def test_a_later_epoch_in_the_files_order_is_named() -> None:
    found = judge_batches(rows_of(order(1), order(2), range(16)), "shuffled")
    assert found["next-epoch-another-order"][0] == [
        "epoch 3 comes as the file has it: only others are shuffled"
    ]
    assert "next-epoch-another-order" not in judge_batches(rows_of(range(16), range(16)), "file")
