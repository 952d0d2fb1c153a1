"""A test that is in what is trained on is told by its ids, before anything is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from proofbook_systems.foundry.held_out import find_shared, is_named_test
from proofbook_systems.foundry.stores import Store

CHANCE = np.random.default_rng(0)
TRAIN, TEST = (CHANCE.integers(0, 500, size) for size in (9000, 1000))
LICENCE = CHANCE.integers(0, 500, 100)


def store(name: str, *parts: np.ndarray) -> Store:
    flat = np.concatenate(parts).astype(np.int64)
    return Store(path=Path("/p") / name, form="raw ids", flat=flat, lengths=np.asarray([flat.size]))


def test_a_test_that_is_trained_on_is_named() -> None:
    stores = [store("data/train.bin", TRAIN, TEST), store("data/val.bin", TEST)]
    assert find_shared(stores, Path("/p")) == [
        "data/val.bin: 31 of its 31 stretches of 32 ids are in data/train.bin"
    ]


@pytest.mark.parametrize("shift", [0, 1, 7])
def test_it_is_found_at_any_place_and_in_part(shift: int) -> None:
    stores = [store("train.bin", TRAIN[shift:], TEST[:400]), store("val.bin", TEST)]
    assert len(find_shared(stores, Path("/p"))) == 1


def test_a_test_apart_is_right_though_both_have_a_licence() -> None:
    stores = [store("train.bin", TRAIN, LICENCE), store("val.bin", LICENCE, TEST),
              store("test/part.bin", CHANCE.integers(0, 500, 20))]  # fmt: skip
    assert find_shared(stores, Path("/p")) == []


def test_a_file_that_was_parted_into_both_is_not_what_is_trained_on() -> None:
    parted = [store("all.bin", TRAIN, TEST), store("train.bin", TRAIN), store("val.bin", TEST)]
    assert find_shared(parted, Path("/p")) == []
    leaking = [parted[0], store("train.bin", TRAIN, TEST[:500]), parted[2]]
    assert len(find_shared(leaking, Path("/p"))) == 1


def test_files_without_the_name_of_a_test_say_nothing() -> None:
    assert find_shared([store("a.bin", TRAIN), store("b.bin", TRAIN)], Path("/p")) == []
    assert is_named_test(Path("/p/val/x.bin"), Path("/p"))
    assert not is_named_test(Path("/test/p/x.bin"), Path("/test/p"))
    assert not is_named_test(Path("/p/values.bin"), Path("/p"))
