"""Which stores are for a test, and what of them is in the others, too.

Goes by names, of the stores or of the texts that they say, and by ids. Knows nothing about a
training.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from proofbook_systems.foundry.stores import Ids, Store
from proofbook_systems.foundry.texts import plain, read_texts
from proofbook_systems.foundry.tokenizers import Tokenizer

__all__ = ["find_shared", "find_test_stores", "is_named_test"]

_TEST_WORDS = ("test", "val", "valid", "validation", "dev", "eval", "heldout")
_SEEN = 32
"""Ids that follow each other in both: so many are the same by chance in no text."""
_MOST_SHARED = 0.2
"""Share of a test's stretches from which on it is no chance that they are elsewhere: a licence, or
a greeting, comes in many texts."""
_SAMPLED = 32
"""Rows of a store that are held against the texts."""
_EDGE = 4
"""Characters at either end of a sample that may be cut through."""
_ITS_TEXT = 0.9
"""Share of a store's samples that a test's texts have, from which on it is that test."""


def is_named_test(path: Path, folder: Path) -> bool:
    """Say whether a file is called after a test, itself or by a folder within ``folder``."""
    name = path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)
    words = str(name).lower().replace("-", "_").replace("/", "_").replace(".", "_").split("_")
    return any(word in _TEST_WORDS for word in words)


def find_test_stores(
    stores: Sequence[Store], folder: Path, texts: Sequence[Path], tokenizer: Tokenizer | None
) -> frozenset[Path]:
    """Return the stores that are called after a test, or say what a text says that is.

    Caches have names that say nothing; what is in them does.

    Args:
        stores: Tokens, or chunks.
        folder: Of the project; names are looked at within it.
        texts: Files of texts.
        tokenizer: None where there is none: then names alone count.
    """
    named = {store.path for store in stores if is_named_test(store.path, folder)}
    held = [path for path in texts if is_named_test(path, folder)]
    if tokenizer is None or not held:
        return frozenset(named)
    wanted = "".join(plain(tokenizer.normalize(text)) for text in read_texts(held))
    said = {
        store.path for store in stores if store.path not in named
        and _says(list(_samples(store, tokenizer)), wanted)
    }  # fmt: skip
    return frozenset(named | said)


def _says(samples: Sequence[str], wanted: str) -> bool:
    return bool(samples) and sum(each in wanted for each in samples) >= _ITS_TEXT * len(samples)


def _samples(store: Store, tokenizer: Tokenizer) -> Iterator[str]:
    """Yield what the middles of some rows say, without what may be cut through."""
    special = np.asarray(sorted(tokenizer.special), np.int64)
    for number in range(0, len(store), max(1, len(store) // _SAMPLED)):
        row = store.flat[store.starts[number] : store.starts[number + 1]]
        middle = max(0, row.size // 2 - _SEEN // 2)
        ids = row[middle : middle + _SEEN]
        if not np.isin(ids, special).any():
            text = plain(tokenizer.normalize(tokenizer.decode(ids.tolist())))[_EDGE:-_EDGE]
            if len(text) > _EDGE:
                yield text


def find_shared(
    stores: Sequence[Store], folder: Path, tests_known: Collection[Path] = ()
) -> list[str]:
    """Return the tests whose ids are in what is trained on.

    Args:
        stores: Of one kind: tokens, or chunks.
        folder: Of the project; names are looked at within it.
        tests_known: Those that something else than their names calls so.
    """
    tests = [each for each in stores
             if each.path in tests_known or is_named_test(each.path, folder)]  # fmt: skip
    others = [store for store in stores if not any(store is each for each in tests)]
    if not tests or not others:
        return []
    # What has all of another file in it was parted into that and the test.
    trained = [
        one
        for one in others
        if not any(
            two.flat.size < one.flat.size and _shares(two, one)[0] > _MOST_SHARED for two in others
        )
    ]
    found = []
    for test, other in itertools.product(tests, trained):
        share, count = _shares(test, other)
        if share > _MOST_SHARED:
            found.append(
                f"{_shown(test.path)}: {round(share * count)} of its {count} stretches of {_SEEN} "
                f"ids are in {_shown(other.path)}"
            )
    return found


def _shares(one: Store, two: Store) -> tuple[float, int]:
    """Return the share of the stretches of a store that another has, and how many there are."""
    wanted = _stretches(one.flat, _SEEN)
    if not wanted.size:
        return 0.0, 0
    return float(np.isin(wanted, _stretches(two.flat, 1)).mean()), wanted.size


def _shown(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _stretches(flat: Ids, step: int) -> Ids:
    """Return a number for the ids from each ``step``-th place on."""
    size = max(0, flat.size - _SEEN + 1)
    key = np.zeros(len(range(0, size, step)), np.int64)
    for offset in range(_SEEN):
        key = key * 1_000_003 + flat[offset : offset + size : step]
    return key
