"""What outlives a random kill is found, and a tree that goes as a whole leaves nothing."""

from __future__ import annotations

import os
from pathlib import Path

from waiting import HANG

from proofbook_bench.killing import Killed, kill_at_random

LISTENER = (
    "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(flush=True); "
    "time.sleep(600)"
)
LEAVES = f"""
import subprocess, sys, tempfile
tempfile.mkdtemp(prefix="kept-")
for _ in range(2):
    listener = subprocess.Popen([sys.executable, "-c", {LISTENER!r}], stdout=subprocess.PIPE)
    listener.stdout.readline()  # it listens
"""


def kill(tmp_path: Path, code: str, **options: float) -> Killed:
    given = {"latest": 0.0, "patience": 0.5, "seed": 1, **options}
    return kill_at_random(
        ["python", "-c", code],
        env=dict(os.environ),
        cwd=tmp_path,
        **given,  # type: ignore[arg-type]
    )


def test_a_process_a_port_and_a_folder_that_are_left_are_named(tmp_path: Path) -> None:
    found = kill(tmp_path, LEAVES, latest=2000.0)  # it has ended by then, and left two listeners
    assert found.victim.startswith("python")
    assert found.moment < 2000.0, "the end came before"
    assert (len(found.processes), len(found.ports), len(found.folders)) == (1, 1, 1)
    assert f"left {found.processes[0]}, port {found.ports[0]}, kept-" in found.left


def test_a_tree_that_is_gone_leaves_nothing(tmp_path: Path) -> None:
    found = kill(tmp_path, "import time; time.sleep(600)", patience=HANG)
    assert found.left == ""
    assert list(tmp_path.iterdir()) == []
