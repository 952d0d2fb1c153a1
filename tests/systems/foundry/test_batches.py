"""Rows that a training saw, beside the data that it may not see."""

from __future__ import annotations

from proofbook_systems.foundry.batches import Batches
from proofbook_systems.training.running import Ended
from proofbook_systems.training.watching import Watched

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
