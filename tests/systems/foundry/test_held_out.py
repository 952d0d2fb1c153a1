"""A test that is in what is trained on is told by its ids, before anything is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from proofbook_systems.foundry.held_out import find_shared, find_test_stores, is_named_test
from proofbook_systems.foundry.stores import Store
from proofbook_systems.foundry.tokenizers import Tokenizer

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


LETTERS = Tokenizer(
    path=Path("t"), form="letters", decode=lambda ids: "".join(chr(each + 60) for each in ids),
    encode=lambda text: [ord(each) - 60 for each in text], size=500, special=frozenset({0}),
    unknown=None, normalize=str,
)  # fmt: skip


def said(*parts: np.ndarray) -> str:
    return LETTERS.decode(np.concatenate(parts).tolist())


@pytest.fixture
def texts(tmp_path: Path) -> list[Path]:
    """Return a text to be trained on, and one that is called after a test."""
    pairs = {"train.txt": said(TRAIN + 1), "valid.txt": said(TEST + 1)}
    for name, text in pairs.items():
        (tmp_path / name).write_text(text)
    return [tmp_path / name for name in pairs]


def test_a_test_in_a_cache_without_names_is_known_by_its_text(texts: list[Path]) -> None:
    leaking = [store("cache-1f.arrow", TRAIN + 1, TEST + 1), store("cache-9c.arrow", TEST + 1)]
    tests = find_test_stores(leaking, Path("/p"), texts, LETTERS)
    assert {path.name for path in tests} == {"cache-9c.arrow"}
    assert find_shared(leaking, Path("/p")) == []
    assert find_shared(leaking, Path("/p"), tests) == [
        "p/cache-9c.arrow: 31 of its 31 stretches of 32 ids are in p/cache-1f.arrow"
    ]


def test_a_cache_of_a_test_that_is_apart_is_right(texts: list[Path]) -> None:
    apart = [store("cache-1f.arrow", TRAIN + 1), store("cache-9c.arrow", TEST + 1)]
    assert find_shared(apart, Path("/p"), find_test_stores(apart, Path("/p"), texts, LETTERS)) == []


def test_texts_that_say_nothing_of_a_test_leave_it_to_names(texts: list[Path]) -> None:
    stores = [store("a.bin", TRAIN + 1), store("b.bin", TEST + 1), store("val.bin", TEST + 1)]
    named = {Path("/p/val.bin")}
    assert find_test_stores(stores, Path("/p"), texts, None) == named
    assert find_test_stores(stores, Path("/p"), texts[:1], LETTERS) == named


def test_texts_that_share_a_test_already_are_told_by_their_ids(texts: list[Path]) -> None:
    texts[0].write_text(said(TRAIN + 1, TEST + 1))
    stores = [store("a.bin", TRAIN + 1, TEST + 1), store("b.bin", TEST + 1)]
    tests = find_test_stores(stores, Path("/p"), texts, LETTERS)
    assert len(find_shared(stores, Path("/p"), tests)) == 1
