"""The peers whose environments are small start, answer, end and leave nothing; the launcher too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from real_peers import SMALL, check_peer, check_port_in_use

from proofbook_subjects.apis.peers.launching import PROGRAMS, launched


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_small_peer_answers_and_leaves_nothing(name: str, cache: Path, tmp_path: Path) -> None:
    check_port_in_use(name, cache, tmp_path)
    (tmp_path / "log").unlink()
    check_peer(name, cache, tmp_path)


def run_launcher(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAMS / "launch.py"), *words]
    return subprocess.run(command, capture_output=True, text=True)


def test_launcher_gives_ports_to_the_program() -> None:
    code = "import os; print(os.environ['MINE'], os.environ['OTHER'])"
    words = ["--port", "0", "--port-as", "MINE", "--free", "OTHER", "--"]
    told = run_launcher(*words, sys.executable, "-c", code)
    mine, other = told.stdout.split()
    assert mine == "0"
    assert int(other) > 0


@pytest.mark.parametrize(
    ("port", "program", "told"),
    [
        ("70000", sys.executable, "port 70000 of 127.0.0.1: bind(): port must be 0-65535"),
        ("0", "/no/such/program", "there is no program /no/such/program"),
    ],
)
def test_launcher_says_in_one_line_what_is_wrong(port: str, program: str, told: str) -> None:
    ended = run_launcher("--port", port, "--", program)
    assert ended.returncode == 1
    assert ended.stderr.strip() == f"cannot start the server: {told}"


def test_command_of_a_peer_begins_with_the_launcher() -> None:
    command = launched(Path("/env/bin/python"), ["serve.py", "{port}"], "A", port_as="B")
    assert command == [
        "/env/bin/python",
        str(PROGRAMS / "launch.py"),
        *("--port", "{port}", "--free", "A", "--port-as", "B", "--"),
        *("/env/bin/python", "serve.py", "{port}"),
    ]
