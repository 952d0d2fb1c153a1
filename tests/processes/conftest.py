"""Programs and waits that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import psutil
import pytest
from waiting import wait_for


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _alive(pids: Iterable[int]) -> set[int]:
    return {pid for pid in pids if _lives(pid)}


@pytest.fixture
def alive() -> Callable[[Iterable[int]], set[int]]:
    """Return a function that keeps the processes that have not ended."""
    return _alive


@pytest.fixture(name="wait_for")
def wait_until() -> Callable[..., None]:
    """Return a function that waits until something has happened."""
    return wait_for


@pytest.fixture
def pids_in() -> Callable[[Path], set[int]]:
    """Return a function that reads the process ids in a log."""
    return lambda log: {int(word) for word in log.read_text().split() if word.isdigit()}
