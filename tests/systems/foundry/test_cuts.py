"""Several chunk files of one token file are judged as parts of one cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from proofbook_systems.foundry.cuts import Cut, match_cuts
from proofbook_systems.foundry.stores import Store

Rows = list[list[int]]
LENGTH = 16


def store(rows: Rows, name: str) -> Store:
    return Store(
        path=Path(name), form="rows", flat=np.asarray([id_ for row in rows for id_ in row]),
        lengths=np.asarray([len(row) for row in rows]),
    )  # fmt: skip


CHANCE = np.random.default_rng(0)
DOCS: Rows = [[*CHANCE.integers(5, 300, CHANCE.integers(3, 40)).tolist(), 1] for _ in range(60)]
FLAT = [id_ for row in DOCS for id_ in row]
HELD = len(FLAT) * 9 // 10


def cut(ids: list[int]) -> Rows:
    return [ids[at : at + LENGTH] for at in range(0, len(ids) - LENGTH + 1, LENGTH)]


def padded(rows: Rows) -> Rows:
    parts = [row[at : at + LENGTH] for row in rows for at in range(0, len(row), LENGTH)]
    return [part + [0] * (LENGTH - len(part)) for part in parts]


RIGHT: dict[str, list[Rows]] = {
    "training and test, each without its remainder": [cut(FLAT[:HELD]), cut(FLAT[HELD:])],
    "the test is of the beginning": [cut(FLAT[HELD:]), cut(FLAT[:HELD])],
    "shards of one cut": [cut(FLAT)[:30], cut(FLAT)[30:60], cut(FLAT)[60:]],
    "padded documents of each": [padded(DOCS[:50]), padded(DOCS[50:])],
    "padded rows mixed over the files": [padded(DOCS)[::2], padded(DOCS)[1::2]],
}


def matched(parts: list[Rows], tokens: Rows) -> tuple[Cut, ...]:
    return match_cuts([store(each, f"part{n}") for n, each in enumerate(parts)], [],
                      [store(tokens, "tokens")])  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_chunk_files_of_one_token_file_are_right(name: str) -> None:
    found = matched(RIGHT[name], DOCS)
    assert [each.alignment.departure for each in found] == [""] * len(RIGHT[name])
    assert [each.chunks.path.name for each in found] == [
        f"part{n}" for n in range(len(RIGHT[name]))
    ]


def test_a_token_file_without_documents_will_do() -> None:
    found = matched(RIGHT["shards of one cut"], [FLAT])
    assert [each.alignment.departure for each in found] == ["", "", ""]


SPOILT: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "lost": (lambda rows: [*rows[:3], *rows[4:]], "row 3, place 0: 16 tokens from token 48 on"),
    "twice": (lambda rows: [*rows[:4], *rows[3:]], "the row repeats row 3"),
    "the last ones lost": (lambda rows: rows[:-2], "2 whole chunks of them, are in no chunk"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_the_file_with_a_spoilt_row_is_named(spoilt: str) -> None:
    spoil, words = SPOILT[spoilt]
    first, second, third = RIGHT["shards of one cut"]
    found = matched([first, spoil(second), third], DOCS)
    assert [bool(each.alignment.departure) for each in found] == [False, True, False]
    assert words in found[1].alignment.departure


def test_two_files_with_the_same_rows_are_not_parts_of_one_cut() -> None:
    half = cut(FLAT)[:40]
    assert all(each.alignment.departure for each in matched([half, half], DOCS))
