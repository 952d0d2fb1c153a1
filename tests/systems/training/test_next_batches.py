"""What became of the order of the data, and of the weights, after a crash: named as seen."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from zlib import crc32

import pytest

from proofbook_systems.training.departing_updates import find_cause
from proofbook_systems.training.next_batches import (
    compare_gradients,
    compare_moves,
    compare_rows,
    compare_scales,
    first_still,
    line_up,
    passes_before,
)
from proofbook_systems.training.watching import Batch, Row, Update, Watched

NAMES = frozenset({"wte.weight", "h.0.weight", "head.weight"})


def row(number: int, noise: int = 0) -> Row:
    ids = tuple(number * 10 + place + noise * (place % 4 == 0) for place in range(8))
    return Row(f"{number}/{noise}", ids, f"{number}/{noise}")


def update(
    number: int, rows: Sequence[Row], *, norm: float | None = None,
    moved: frozenset[str] = NAMES, unmoved: frozenset[str] = frozenset(),
    no_gradient: frozenset[str] = frozenset(), rate: float = 1e-3,
) -> Update:  # fmt: skip
    norm = sum(crc32(each.digest.encode()) % 97 for each in rows) / 10 if norm is None else norm
    return Update(
        number=number, batches=(Batch((len(rows), 8), tuple(rows)),), moved=moved, unmoved=unmoved,
        no_gradient=no_gradient, zero_gradient=frozenset(), grad_norm=norm, rates=(rate,),
    )  # fmt: skip


def training(rows: Sequence[Row], size: int = 4) -> Watched:
    cut = [rows[n : n + size] for n in range(0, len(rows), size)]
    return Watched(updates=tuple(update(n, each) for n, each in enumerate(cut, 1)))


ROWS = [row(number) for number in random.Random(3).sample(range(100), 80)]
ALONE = training(ROWS)
LATER = ROWS[48:]
"""What comes after update 12."""


def departs(rows: Sequence[Row]) -> str:
    return compare_rows(line_up(ALONE, training(rows), 12))


def test_the_rows_that_are_due_are_right() -> None:
    compared = line_up(ALONE, training(LATER), 12)
    assert (compared.why_not, compare_rows(compared)) == ("", "")
    assert compare_gradients(compared) == compare_moves(compared) == ""


def shuffled(rows: Sequence[Row]) -> list[Row]:
    return random.Random(4).sample(list(rows), len(rows))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (lambda: ROWS, "those of update 1: the order begins again"),
        (lambda: ROWS[40:], "those of update 11: rows are repeated"),
        (lambda: ROWS[56:], "those of update 15: the rows of 2 updates are skipped"),
        (lambda: ROWS[49:], "begin 1 rows too late: rows are skipped"),
        (lambda: ROWS[46:], "begin 2 rows too early: rows are repeated"),
        (lambda: [*reversed(LATER[:4]), *LATER[4:]], "the same rows in another order"),
        (lambda: shuffled(ROWS), "the order was shuffled again"),
        (lambda: shuffled(LATER), "rows of later updates: the order was shuffled again"),
        (lambda: [row(number) for number in range(200, 232)], "none of its rows were seen"),
        (lambda: [row(int(r.digest.split("/")[0]), 1) for r in LATER], "changed differently"),
    ],
)
def test_what_became_of_the_order_is_named(rows: Callable[[], list[Row]], words: str) -> None:
    said = departs(rows())
    assert said.startswith("after resuming from 12, update 13 has other rows than without: ")
    assert words in said


def test_batches_of_another_size_are_named() -> None:
    compared = line_up(ALONE, training(LATER, size=8), 12)
    assert compare_rows(compared).endswith("its batches have 8 rows, and 4 without a crash")
    varying = Watched(updates=tuple(update(n, LATER[n : 2 * n + 1]) for n in (1, 2, 3)))
    assert "batches have" not in compare_rows(line_up(ALONE, varying, 12))


def test_a_later_departure_is_told_where_it_is() -> None:
    assert "update 15" in departs([*LATER[:8], *shuffled(LATER[8:])])


def test_the_same_rows_with_another_gradient_are_told_apart_by_when() -> None:
    def altered(number: int) -> str:
        updates = [
            update(n, each.rows, norm=each.grad_norm + (n >= number))
            for n, each in enumerate(ALONE.updates[12:], 1)
        ]
        return compare_gradients(line_up(ALONE, Watched(updates=tuple(updates)), 12))

    assert "dropout" in altered(1)
    assert "the optimizer or scheduler was not restored" in altered(2)


def in_passes(number: int, *passes: Sequence[Row], norm: float, drew: bool = False) -> Update:
    """Return an update in several passes."""
    made = update(number, passes[0], norm=norm)
    return replace(
        made,
        batches=tuple(Batch((len(each), 8), tuple(each)) for each in passes),
        drew=drew,
        gradient=str(norm),
    )


WITHIN = Watched(
    updates=(in_passes(1, *(LATER[n : n + 2] for n in (0, 2, 4)), norm=2.0), update(2, LATER[6:]))
)


@pytest.mark.parametrize(
    ("norm", "drew", "words"),
    [
        (2.0, True, ""),
        (1.5, False, "in the pass of it before the checkpoint were lost"),
        (1.5, True, "were lost, or other random numbers (dropout) were drawn"),
    ],
)
def test_a_resumption_within_an_update_needs_what_was_accumulated(
    norm: float, drew: bool, words: str
) -> None:
    rest = in_passes(1, LATER[2:4], LATER[4:6], norm=norm, drew=drew)
    compared = line_up(WITHIN, Watched(updates=(rest, WITHIN.updates[1])), 0)
    said = compare_gradients(compared)
    assert (compare_rows(compared), bool(said)) == ("", bool(words))
    assert said.endswith(words)
    cause = find_cause(compared)
    assert (cause.words if cause else "").endswith(words)


def test_the_first_passes_of_an_update_are_not_the_rest_of_it() -> None:
    begun = in_passes(1, LATER[:2], LATER[2:4], norm=2.0)
    assert passes_before(begun, WITHIN.updates[0]) == 0
    cause = find_cause(line_up(WITHIN, Watched(updates=(begun,)), 0))
    assert cause is not None
    assert "has 2 forward passes, and 3 without a crash" in cause.words


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (0, "the first ones: the order begins again"),
        (17, "they begin 1 rows too late: rows are skipped"),
    ],
)
def test_other_rows_within_an_update_are_named_and_not_its_passes(start: int, words: str) -> None:
    """Twelve rows an update, four a pass: it went on after the first pass of the second one."""
    parts = [ROWS[n : n + 4] for n in range(0, 36, 4)]
    alone = Watched(
        updates=tuple(in_passes(n, *parts[3 * n - 3 : 3 * n], norm=float(n)) for n in (1, 2, 3))
    )
    begun = in_passes(1, ROWS[start : start + 4], ROWS[start + 4 : start + 8], norm=9.0)
    whole = in_passes(2, *(ROWS[n : n + 4] for n in (40, 44, 48)), norm=9.5)
    compared = line_up(alone, Watched(updates=(begun, whole)), 1)
    cause = find_cause(compared)
    assert cause is not None
    assert (cause.kind, words in cause.words) == ("rows", True), cause


def test_a_parameter_that_no_longer_moves_is_named() -> None:
    still = frozenset({"h.0.weight"})

    def words(unmoved: frozenset[str], no_gradient: frozenset[str]) -> str:
        ours = update(1, LATER[:4], moved=NAMES - still, unmoved=unmoved, no_gradient=no_gradient)
        return compare_moves(line_up(ALONE, Watched(updates=(ours,)), 12))

    none = frozenset[str]()
    assert "moves h.0.weight no more: its updates go to another copy" in words(still, none)
    assert words(none, still).endswith("it has no gradient")
    whole = update(1, LATER[:4], moved=frozenset(), unmoved=NAMES)
    said = compare_moves(line_up(ALONE, Watched(updates=(whole,)), 12))
    assert "moves every parameter no more" in said


def test_a_network_that_became_another_copy_is_named() -> None:
    """The optimizer's parameters have no names then, as no network that is run has them."""
    nameless = frozenset({"0", "1", "2"})
    ours = update(1, LATER[:4], norm=0.0, moved=frozenset(), no_gradient=nameless)
    compared = line_up(ALONE, Watched(updates=(ours,)), 12)
    assert compare_gradients(compared) == ""
    assert compare_moves(compared).endswith("not the network's, which is another copy now")


def test_nothing_to_compare_is_told_and_not_the_same() -> None:
    assert line_up(ALONE, Watched(), 12).why_not != ""
    assert line_up(ALONE, training(LATER), 20).why_not.startswith("no update after step 20")


def test_a_parameter_that_is_never_moved_is_named_though_the_first_rate_is_0() -> None:
    first = update(1, ROWS[:4], moved=frozenset(), unmoved=NAMES, rate=0.0)
    later = update(2, ROWS[4:8])
    assert first_still(Watched(updates=(first, later))) == ""
    frozen = update(
        2, ROWS[4:8], moved=NAMES - {"wte.weight"}, no_gradient=frozenset({"wte.weight"})
    )
    assert first_still(Watched(updates=(first, frozen))).startswith("wte.weight is the optimizer's")


def scaled(watched: Watched, first: int) -> Watched:
    """With a scale that was last changed so many updates before the first."""
    updates = [replace(u, scale=(1024.0, float(first + n))) for n, u in enumerate(watched.updates)]
    return Watched(updates=tuple(updates))


def test_a_scale_of_gradients_that_begins_again_is_named() -> None:
    alone = scaled(ALONE, 1)
    assert compare_scales(line_up(alone, scaled(training(LATER), 13), 12)) == ""
    assert compare_scales(line_up(alone, training(LATER), 12)) == ""
    words = compare_scales(line_up(alone, scaled(training(LATER), 1), 12))
    assert "update 13 leaves gradients scaled by 1024 since 1 updates, and not by 1024 s" in words
