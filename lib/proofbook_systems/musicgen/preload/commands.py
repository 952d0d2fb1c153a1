"""Run a command with its output in a file and its end in sight.

A command that takes too long is ended with all of its group. What it started elsewhere, in an
engine's own processes, is cleared away by a guard that outlives this process just long enough.
Knows nothing of containers.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["guarded", "run_logged"]

_GUARD = (
    "import subprocess, sys\n"
    "sys.stdin.read()\n"
    "subprocess.run(sys.argv[1:], check=False, stdout=-3, stderr=-3, timeout=60)\n"
)
"""Waits until its input ends, which it does however its parent ends, SIGKILL included."""
_GUARD_SECONDS = 65.0


@contextmanager
def guarded(clearing: Sequence[str]) -> Iterator[None]:
    """Run ``clearing`` when the block ends, in whatever way, the death of this process included."""
    guard = subprocess.Popen(
        [sys.executable, "-I", "-c", _GUARD, *clearing],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield
    finally:
        if guard.stdin is not None:
            guard.stdin.close()
        try:
            guard.wait(_GUARD_SECONDS)
        except subprocess.TimeoutExpired:
            _end(guard)


def run_logged(command: Sequence[str], log: Path, timeout: float) -> int | None:
    """Run a command with its output at the end of ``log``, and return its exit code.

    That is None where it took longer than ``timeout`` seconds; it and its group were ended then.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"$ {' '.join(command)}\n".encode())
        output.flush()
        return _waited(command, output, timeout)


def _waited(command: Sequence[str], output: IO[bytes], timeout: float) -> int | None:
    process = subprocess.Popen(
        command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
