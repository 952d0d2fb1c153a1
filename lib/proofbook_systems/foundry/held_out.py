"""Which stores are for a test, and what of them is in the others, too.

Goes by names and by ids. Knows nothing about a training.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from proofbook_systems.foundry.stores import Ids, Store

__all__ = ["find_shared", "is_named_test"]

_TEST_WORDS = ("test", "val", "valid", "validation", "dev", "eval", "heldout")
_SEEN = 32
"""Ids that follow each other in both: so many are the same by chance in no text."""
_MOST_SHARED = 0.2
"""Share of a test's stretches from which on it is no chance that they are elsewhere: a licence, or
a greeting, comes in many texts."""


def is_named_test(path: Path, folder: Path) -> bool:
    """Say whether a file is called after a test, itself or by a folder within ``folder``."""
    name = path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)
    words = str(name).lower().replace("-", "_").replace("/", "_").replace(".", "_").split("_")
    return any(word in _TEST_WORDS for word in words)


def find_shared(stores: Sequence[Store], folder: Path) -> list[str]:
    """Return the tests whose ids are in what is trained on.

    Args:
        stores: Of one kind: tokens, or chunks.
        folder: Of the project; names are looked at within it.
    """
    tests = [store for store in stores if is_named_test(store.path, folder)]
    others = [store for store in stores if not is_named_test(store.path, folder)]
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
