"""Proportional memory of real processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from proofbook.errors import SubjectError
from proofbook_bench.memory import tree_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells proportional memory")


HOLDS = "import sys; held = bytearray(32_000_000); print(flush=True); sys.stdin.read()"
STARTS = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {HOLDS!r}], stdout=subprocess.PIPE)
child.stdout.readline()
held = bytearray(32_000_000)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_a_tree_counts_its_descendants_once():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", STARTS], **pipes, text=True) as parent:
        child = int(parent.stdout.readline())
        both, one = tree_memory([parent.pid]), tree_memory([child])
        again = tree_memory([parent.pid, child])
        parent.stdin.close()
    assert 32e6 < one < both - 32e6
    assert again == pytest.approx(both, rel=0.2)


def test_a_process_that_has_ended_is_an_error():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(SubjectError, match="it has ended"):
        tree_memory([os.getpid(), process.pid])
