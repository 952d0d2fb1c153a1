"""Run commands of this environment and time them; one that fails has no time.

Knows nothing about what the commands do.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from proofbook.errors import SubjectError

__all__ = ["clean_environment", "find_command", "run_command", "run_commands"]

_TAIL = 800
"""Characters of output that a message shows."""
_OF_THIS_JOB = ("PROOFBOOK_", "JPY_", "PYDEVD_", "MPLBACKEND", "OMP_NUM_THREADS")


def find_command(name: str) -> str:
    """Return the command ``name`` of the environment that this interpreter belongs to.

    A path is taken as it is.

    Raises:
        SubjectError: There is none.
    """
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise SubjectError(
            f"no command {name!r} beside {sys.executable}; install its package there"
        )
    return found


def clean_environment(environ: Mapping[str, str], **changes: str) -> dict[str, str]:
    """Return ``environ`` without what a surrounding run or kernel has put there."""
    kept = {n: v for n, v in environ.items() if not n.startswith(_OF_THIS_JOB)}
    if "PROOFBOOK_CACHE" in environ:
        kept["PROOFBOOK_CACHE"] = environ["PROOFBOOK_CACHE"]
    return {**kept, **changes}


def run_command(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    timeout: float = 300.0,
    expected: int = 0,
    log: Path | None = None,
) -> float:
    """Run a command to its end and return how many seconds it took.

    Args:
        argv: A command's name, looked up beside this interpreter, or a path; its arguments.
        env: The whole environment.
        cwd: The working folder.
        timeout: Seconds after which it is killed, with its process group.
        expected: The exit code that counts as success.
        log: A file for what it prints; by default that is dropped where it succeeds.

    Raises:
        SubjectError: It ended otherwise or too late; the end of its output is in the message.
    """
    command = [find_command(argv[0]), *argv[1:]]
    shown = " ".join([Path(argv[0]).name, *argv[1:]])
    with tempfile.TemporaryFile() if log is None else log.open("wb+") as output:
        started = time.perf_counter()
        code = _run(command, output, env=env, cwd=cwd, timeout=timeout)
        taken = time.perf_counter() - started
        if code is None:
            raise SubjectError(f"{shown}: not done after {timeout:g} s; {_tail(output)}")
        if code != expected:
            raise SubjectError(f"{shown}: ended with code {code}, not {expected}; {_tail(output)}")
    return taken


def run_commands(
    commands: Iterable[Sequence[str]], *, env: Mapping[str, str], cwd: Path, timeout: float = 300.0
) -> float:
    """Run commands one after the other and return how many seconds they took together.

    Raises:
        SubjectError: One of them failed.
    """
    return sum(run_command(argv, env=env, cwd=cwd, timeout=timeout) for argv in commands)


def _run(
    command: Sequence[str],
    output: IO[bytes],
    *,
    env: Mapping[str, str],
    cwd: Path,
    timeout: float,
) -> int | None:
    """Return the exit code, or None if it had to be killed."""
    process = subprocess.Popen(
        command,
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _tail(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _TAIL))
    lines = output.read().decode(errors="replace").split("\n")
    text = " | ".join(line.strip() for line in lines if line.strip())
    return f"its last output: …{text[-_TAIL:]}" if text else "it printed nothing"
