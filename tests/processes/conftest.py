"""Programs and waits that the tests of this folder share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil
import pytest


def _alive(pids: Iterable[int]) -> set[int]:
    return {
        pid
        for pid in pids
        if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    }


@pytest.fixture
def alive() -> Callable[[Iterable[int]], set[int]]:
    """Return a function that keeps the processes that have not ended."""
    return _alive


@pytest.fixture
def wait_for() -> Callable[..., None]:
    """Return a function that waits until something has happened; a minute is for a busy machine."""

    def wait(happened: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.01)

    return wait


@pytest.fixture
def pids_in() -> Callable[[Path], set[int]]:
    """Return a function that reads the process ids in a log."""
    return lambda log: {int(word) for word in log.read_text().split() if word.isdigit()}
