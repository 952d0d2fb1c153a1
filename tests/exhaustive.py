"""Which tests ``make test`` leaves to ``make test-all``: long ones, and the many of one kind.

``@pytest.mark.exhaustive`` marks a test that is left; ``@pytest.mark.exhaustive(keep=1)`` one with
parameters, of which the first stays. Only ``--quick`` leaves anything out, and says aloud how much;
a test that is asked for by its file is run.
"""

from __future__ import annotations

from collections import Counter

import pytest

OPTION = "--quick"
_COUNT = "proofbook_exhaustive"
_LEFT = pytest.StashKey[int]()


def leave_to_all(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the exhaustive tests from ``items`` but for those of a kind that stay."""
    if not config.getoption(OPTION):
        return
    met: Counter[str] = Counter()
    stay, left = [], []
    for item in items:
        kind = item.nodeid.partition("[")[0]
        (left if is_left(item.get_closest_marker("exhaustive"), met[kind]) else stay).append(item)
        met[kind] += 1
    config.hook.pytest_deselected(items=left)
    items[:] = stay
    config.stash[_LEFT] = len(left)
    if hasattr(config, "workeroutput"):
        config.workeroutput[_COUNT] = len(left)


def is_left(mark: pytest.Mark | None, earlier: int) -> bool:
    """Return whether a test with this mark is left out; ``earlier`` of its kind came before."""
    return mark is not None and earlier >= mark.kwargs.get("keep", 0)


def take_count(config: pytest.Config, workeroutput: dict[str, object]) -> None:
    """Take the number of tests left out from a worker: each has collected all of them."""
    if isinstance(number := workeroutput.get(_COUNT), int):
        config.stash[_LEFT] = number


def count_exhaustive(config: pytest.Config) -> list[str]:
    """Return a line that says how many tests were left out; none where none was."""
    number = config.stash.get(_LEFT, 0)
    return [f"{number} exhaustive tests were left out: `make test-all` runs them"] if number else []
