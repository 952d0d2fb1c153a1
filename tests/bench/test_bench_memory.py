"""Proportional memory of real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from proofbook.errors import SubjectError
from proofbook_bench.memory import tree_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells proportional memory")


def test_a_tree_counts_its_descendants_once():
    with subprocess.Popen(
        ["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        both = tree_memory([parent.pid])
        assert 0 < tree_memory([child]) < both
        assert tree_memory([parent.pid, child]) == pytest.approx(both, rel=0.2)
        os.kill(child, signal.SIGKILL)


def test_a_process_that_has_ended_is_an_error():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(SubjectError, match="it has ended"):
        tree_memory([os.getpid(), process.pid])
