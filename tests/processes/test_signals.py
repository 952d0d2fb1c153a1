"""A started program gets default signal dispositions, an empty mask and its own session.

The programs here install no handler, as most do not, and their owner ignores and blocks signals,
as a shell's background job, nohup and a Jupyter server do.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from leaving_out import leave_out

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")

C = '#include <stdio.h>\n#include <unistd.h>\nint main(void){puts("ready");fflush(stdout);pause();}'

OWNER = """
import json, signal, sys, time
from pathlib import Path
from proofbook.processes import supervise, tree
tree.SUPPORTED = tree.SUPPORTED and sys.argv[1] == "warden"
for name in ("SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
with supervise(json.loads(sys.argv[3]), log=Path(sys.argv[2]), name="it") as program:
    while "ready" not in program.tail() and program.running:
        time.sleep(0.01)
    if len(sys.argv) > 4:
        program.send_signal(int(sys.argv[4]))
    program.wait(60)
    print(json.dumps([program.state, program.tail()]))
"""


@pytest.fixture(params=["warden", "portable"])
def told(request: Any, tmp_path: Path) -> Any:
    """Return a function that has a deaf owner start a command and send it a signal."""

    def run(command: list[str], *signum: int) -> tuple[str, str]:
        words = [request.param, str(tmp_path / "log"), json.dumps(command)]
        done = subprocess.run(
            [sys.executable, "-c", OWNER, *words, *(str(int(number)) for number in signum)],
            capture_output=True, text=True, timeout=100, check=True,
        )  # fmt: skip
        state, tail = json.loads(done.stdout)
        return state, tail

    return run


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        leave_out("needs cc, not found here: install gcc")
    source = tmp_path_factory.mktemp("c") / "waits.c"
    source.write_text(C)
    subprocess.run([compiler, str(source), "-o", str(source.with_suffix(""))], check=True)
    return str(source.with_suffix(""))


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP", "SIGUSR1"])
def test_a_python_program_without_handlers_can_be_interrupted(told: Any, name: str) -> None:
    code = "import time; print('ready', flush=True); time.sleep(600)"
    state, printed = told([sys.executable, "-c", code], getattr(signal, name))
    assert state == f"was killed by {name}"
    assert ("KeyboardInterrupt" in printed) == (name == "SIGINT")


def test_a_shell_without_traps_can_be_interrupted(told: Any) -> None:
    state, _ = told(["sh", "-c", "echo ready; sleep 600 & wait"], signal.SIGINT)
    assert state == "was killed by SIGINT"


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGQUIT"])
def test_a_c_program_without_handlers_can_be_interrupted(
    told: Any, compiled: str, name: str
) -> None:
    assert told([compiled], getattr(signal, name))[0] == f"was killed by {name}"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_signal_is_ignored_or_blocked_and_the_session_is_its_own(told: Any) -> None:
    _, status = told(["cat", "/proc/self/status", "/proc/self/stat"])
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    for name in ("SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"):
        bits = int(lines[name], 16)
        # Those that the C library keeps to itself are its own to set (nptl(7)).
        assert {n for n in signal.valid_signals() if bits >> (n - 1) & 1} == set(), name
    pid, *fields = status.splitlines()[-1].split()
    assert fields[4] == pid
