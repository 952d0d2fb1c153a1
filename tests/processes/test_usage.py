"""Memory and computing time of real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from proofbook.processes import (
    anonymous_memory,
    cpu_seconds,
    process_tree,
    proportional_memory,
    resident_memory,
    tree,
)

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells it")
NOBODY = 2**22 + 1
"""No process: the largest id that Linux gives is 2**22."""

_HOLD = (
    "import sys; block = bytearray(80_000_000); sum(range(3_000_000));"
    "print('ready', flush=True); sys.stdin.read()"
)
_PARENT = (
    "import subprocess, sys; "
    f"child = subprocess.Popen([sys.executable, '-c', {_HOLD!r}], stdin=sys.stdin); child.wait()"
)


@pytest.fixture
def parent() -> Iterator[int]:
    """A small process whose child holds 80 MB and has computed."""
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process.pid
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(params=["/proc", "psutil"])
def reader(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both readers: of Linux, and of other systems."""
    if request.param == "psutil":
        monkeypatch.setattr("proofbook.processes.usage.SUPPORTED", False)
    return str(request.param)


def test_a_tree_counts_its_descendants(reader: str, parent: int) -> None:
    family = process_tree([parent])
    assert len(family) == 2
    assert process_tree(family) == family
    assert 80e6 < resident_memory(family) < 250e6
    assert resident_memory([parent]) < 80e6
    assert 0 < cpu_seconds(family) < 60


def test_a_process_that_has_ended_counts_nothing(reader: str) -> None:
    assert process_tree([NOBODY]) == {NOBODY}
    assert resident_memory([NOBODY]) == proportional_memory([NOBODY]) == cpu_seconds([NOBODY]) == 0
    assert anonymous_memory(NOBODY) is None


@LINUX
def test_shared_pages_count_once_in_proportional_memory(parent: int) -> None:
    family = process_tree([parent])
    assert 80e6 < proportional_memory(family) < resident_memory(family)


@LINUX
def test_pages_of_a_file_are_not_anonymous(parent: int) -> None:
    (child,) = tree.descendants(parent)
    anonymous, resident = anonymous_memory(child), resident_memory([child])
    assert anonymous is not None
    assert 80e6 < anonymous < resident
    assert 0 < (anonymous_memory() or 0) <= resident_memory([os.getpid()])
