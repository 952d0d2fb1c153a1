"""Run a program to its end."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook.processes.supervised import supervise

__all__ = ["Ended", "run"]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A program that has been run."""

    code: int | None
    """Exit code; minus the signal's number where a signal ended it; None if it took too long."""
    words: str
    """How it ended, as the end of a sentence: ``exited with code 1``."""
    seconds: float
    """Between its start and its end."""
    output: str
    """The end of what it printed, at most 1,000 lines."""


def run(
    command: Sequence[str | Path],
    *,
    timeout: float,
    log: Path | None = None,
    name: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Ended:
    """Run a command to its end, or end it with all that it started after ``timeout`` seconds.

    Args:
        command: Program and arguments; nothing goes through a shell.
        timeout: Seconds.
        log: File that its output is appended to; without one it is in the answer alone.
        name: What messages call it; by default its first word.
        cwd: Where it runs; by default here.
        env: Its whole environment; by default this process's.

    Raises:
        SubjectError: It cannot be started.
    """
    name = name or str(command[0])
    with tempfile.TemporaryDirectory(prefix="proofbook-run-") as folder:
        file = log or Path(folder, "output")
        with supervise(command, log=file, name=name, cwd=cwd, env=env) as program:
            started = time.perf_counter()
            in_time = program.wait(timeout)
            seconds = time.perf_counter() - started
        words = program.state if in_time else f"took longer than {timeout:g} s and was ended"
        return Ended(
            code=program.exit_code if in_time else None, words=words, seconds=seconds,
            output=program.tail(1000),
        )  # fmt: skip
