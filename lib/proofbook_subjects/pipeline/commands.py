"""Run a command: its arguments, its errors as one line each, its exit code, its progress."""

from __future__ import annotations

import argparse
import signal
import sqlite3
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from proofbook_subjects.pipeline.errors import PipelineError, StoreError
from proofbook_subjects.pipeline.settings import Project, open_project
from proofbook_subjects.pipeline.spoiling.endings import arm, begin, changed_code

__all__ = ["Work", "positive", "run_command", "tell"]

Work = Callable[[Project, argparse.Namespace], None]
_USAGE = 2
_LOG, _LONGEST = "logs/pipeline.log", 2000


class _Parser(argparse.ArgumentParser):
    """One line about a wrong argument, instead of the usage and a line."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(_USAGE, f"{self.prog}: error: {message}; see --help\n")


def run_command(
    root: Path,
    work: Work,
    declare: Callable[[argparse.ArgumentParser], None],
    *,
    stage: str = "",
    about: str | None,
    argv: Sequence[str] | None = None,
) -> int:
    """Read the arguments, do the work, and return the exit code.

    Args:
        root: Of the project.
        work: What the command does.
        declare: Declares its arguments.
        stage: As the faults name it.
        about: The module's docstring.
        argv: Its arguments; by default the process's.
    """
    parser = _Parser(description=(about or "").partition("\n")[0], allow_abbrev=False)
    declare(parser)
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _end)
    try:
        project = open_project(root)
    except PipelineError as error:
        return _fail(parser.prog, error)
    if not begin(project.faults, stage):
        return 0
    arm(project.faults, stage)
    code = _code_of(parser.prog, work, project, options)
    return changed_code(project.faults, stage, code)


def _code_of(program: str, work: Work, project: Project, options: argparse.Namespace) -> int:
    try:
        work(project, options)
    except PipelineError as error:
        _keep(program, error, project, options)
        return _fail(program, error)
    except sqlite3.Error as error:
        _keep(program, error, project, options)
        return _fail(program, StoreError(f"database: {error}"))
    except KeyboardInterrupt:
        print(f"{program}: interrupted; run it again to go on", file=sys.stderr)  # noqa: T201
        return 128 + signal.SIGINT
    return 0


def tell(text: str) -> None:
    """Print a line of progress at once."""
    print(text, flush=True)  # noqa: T201


def positive(text: str) -> int:
    """Read a whole number from 1, as an argument's type."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to 100000")
    return value


def _fail(program: str, error: PipelineError) -> int:
    text = " ".join(str(error).split())
    print(f"{program}: error: {text}", file=sys.stderr)  # noqa: T201
    return error.exit_code


def _keep(program: str, error: Exception, project: Project, options: argparse.Namespace) -> None:
    """Add a failure to the log, with the arguments: they name the episode, and hold no key."""
    given = " ".join(f"{name}={value}" for name, value in vars(options).items())
    line = " ".join(f"{datetime.now(UTC).isoformat()} {program} {given}: {error}".split())
    path = project.root / _LOG
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="utf-8", errors="replace") as log:
            log.write(f"{line[:_LONGEST]}\n")
    except OSError:
        tell(f"{_LOG} cannot be written")


def _end(number: int, _frame: FrameType | None) -> None:
    """Unwind, so that partial files and children go, and end as a process that was terminated."""
    sys.exit(128 + number)
