"""Run commands of this environment and time them; one that fails has no time.

Knows nothing about what the commands do.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.processes import run

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
    path = shutil.which(name, path=str(Path(sys.executable).parent))
    if path is None:
        raise SubjectError(
            f"no command {name!r} next to {sys.executable}; install its package there"
        )
    return path


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
        argv: A command's name, looked up next to this interpreter, or a path; its arguments.
        env: The whole environment.
        cwd: The working folder.
        timeout: Seconds after which it is ended, with all that it started.
        expected: The exit code that counts as success.
        log: A file for what it prints; by default that is dropped where it succeeds.

    Raises:
        SubjectError: It ended otherwise or too late; the end of its output is in the message.
    """
    command = [find_command(argv[0]), *argv[1:]]
    shown = " ".join([Path(argv[0]).name, *argv[1:]])
    if log is not None:
        log.unlink(missing_ok=True)
    ended = run(command, timeout=timeout, log=log, name=shown, env=env, cwd=cwd)
    if ended.code is None:
        raise SubjectError(f"{shown}: not done after {timeout:g} s; {_tail(ended.output)}")
    if ended.code != expected:
        raise SubjectError(f"{shown}: {ended.words}, expected {expected}; {_tail(ended.output)}")
    return ended.seconds


def run_commands(
    commands: Iterable[Sequence[str]], *, env: Mapping[str, str], cwd: Path, timeout: float = 300.0
) -> float:
    """Run commands one after the other and return how many seconds they took together.

    Raises:
        SubjectError: One of them failed.
    """
    return sum(run_command(argv, env=env, cwd=cwd, timeout=timeout) for argv in commands)


def _tail(output: str) -> str:
    text = " | ".join(line.strip() for line in output.split("\n") if line.strip())
    return f"its last output: …{text[-_TAIL:]}" if text else "it printed nothing"
