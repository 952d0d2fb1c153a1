"""Who keeps a pipe open is found, and nobody else is accused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from waiting import wait_for

from proofbook.processes import tree
from proofbook.processes.pipes import orphaned_writers

pytestmark = pytest.mark.skipif(not tree.SUPPORTED, reason="reads /proc")

READS = """
import subprocess, sys
p = subprocess.Popen(["sh", "-c", sys.argv[1]], stdout=subprocess.PIPE)
print(p.pid, flush=True)
p.stdout.read()
"""

Read = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def read() -> Iterator[Read]:
    """Return a function that starts a process which reads what a shell command prints."""
    started: list[subprocess.Popen[str]] = []

    def start(command: str) -> subprocess.Popen[str]:
        arguments = [sys.executable, "-c", READS, command]
        process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield start
    for process in started:
        for holder in orphaned_writers(process.pid):
            os.kill(holder.pid, 9)
        os.killpg(process.pid, 9)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_a_background_process_that_outlives_its_program_is_named(read: Read) -> None:
    reader = read("exec 2>/dev/null; sleep 301 & exit 0")
    # Until it has executed sleep, the shell's child bears the shell's command line.
    wait_for(lambda: [h.command for h in orphaned_writers(reader.pid)] == ["sleep 301"])


def test_a_program_that_still_runs_is_not_named(read: Read) -> None:
    reader = read("sleep 302; true")
    wait_for(lambda: len(tree.descendants(reader.pid)) == 2)
    assert orphaned_writers(reader.pid) == []


def test_nobody_is_named_where_nothing_is_read() -> None:
    assert orphaned_writers(0) == []
    assert orphaned_writers(2**30) == []
