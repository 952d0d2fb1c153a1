"""Proportional memory of real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from proofbook.errors import SubjectError
from proofbook_bench.memory import process_tree, tree_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells proportional memory")

_HOLD = "import sys; held = bytearray(80_000_000); print('ready', flush=True); sys.stdin.read()"
_PARENT = (
    "import subprocess, sys; "
    f"child = subprocess.Popen([sys.executable, '-c', {_HOLD!r}], stdin=sys.stdin); child.wait()"
)


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """A small process whose child holds 80 MB."""
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        assert process.stdin is not None
        process.stdin.close()


def test_a_tree_counts_its_descendants_once(parent: subprocess.Popen[str]):
    tree = process_tree([parent.pid])
    assert len(tree) == 2
    once = tree_memory([parent.pid])
    assert 80e6 < once < 200e6
    assert tree_memory(tree) == pytest.approx(once, rel=0.1)


def test_a_process_that_has_ended_is_an_error():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(SubjectError, match="it has ended"):
        tree_memory([os.getpid(), process.pid])
