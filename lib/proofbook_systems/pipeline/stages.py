"""Run one stage of a pipeline, and say how it ended and what it wrote.

run = run_stage(workspace, "audio", episode="e1")
run.code, run.seconds, run.last_words, run.wrote(path)
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.processes import run
from proofbook_systems.pipeline.workspace import Workspace

__all__ = ["StageRun", "run_stage", "run_stages"]

_LONGEST_NAME = 120
_CLOCK = 2.0
"""Seconds by which a file system's clock may be behind."""
_ERRORS = re.compile(
    r"Traceback \(most recent call last\)"
    r"|\bHTTP(?:/\d(?:\.\d)?)?(?: status)?(?: code)?(?: error)?[: ]{1,3}[45]\d\d\b"
    r"|\b(?:status|error)(?: code)?[:= ]{1,3}(?:40[0-9]|42[29]|50[0-4])\b"
    r"|\bToo Many Requests\b|\brate limit(?:ed)? exceeded\b|\brate_limit_exceeded\b"
    r"|\b[45]\d\d (?:Client|Server) Error\b"
    r"|\b(?:401 Unauthorized|403 Forbidden|404 Not Found|500 Internal Server Error|502 Bad Gateway"
    r"|503 Service Unavailable|504 Gateway Time-?out)\b"
    r"|\b(?:Connection refused|Connection ?Error|Max retries exceeded|DNS ?Error"
    r"|(?:Connect|Read) ?Time-?out|Name or service not known|getaddrinfo failed)\b",
    re.IGNORECASE,
)
"""What a program prints that met an error of an API and went on."""


@dataclass(frozen=True, kw_only=True)
class StageRun:
    """A stage that was run to its end."""

    stage: str
    episode: str
    command: tuple[str, ...]
    code: int | None
    """Exit code; minus the signal's number where a signal ended it; None if it took too long."""
    words: str
    """How it ended: ``exited with code 1``."""
    seconds: float
    began: float
    """Seconds since the epoch."""
    output: str = field(repr=False)
    """The end of what it printed."""

    @property
    def ended_well(self) -> bool:
        """Whether it says that all is there."""
        return self.code == 0

    @property
    def last_words(self) -> str:
        """The last line that it printed."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1] if lines else "it printed nothing"

    @property
    def faults(self) -> list[str]:
        """Return why it did not end well."""
        return [] if self.ended_well else [f"{self.stage} {self.words}: {self.last_words}"]

    @property
    def api_errors(self) -> list[str]:
        """Lines in which it tells of an error of an API."""
        return [line.strip() for line in self.output.splitlines() if _ERRORS.search(line)]

    def wrote(self, path: Path) -> bool:
        """Say whether a file, or one in the folder, was written since the stage began."""
        files = [path, *path.rglob("*")] if path.is_dir() else [path]
        written = [file.stat().st_mtime for file in files if file.is_file()]
        return bool(written) and max(written) >= self.began - _CLOCK


def run_stage(
    workspace: Workspace,
    stage: str,
    episode: str,
    *,
    command: Sequence[str] = (),
    timeout: float | None = None,
    **values: str | Path,
) -> StageRun:
    """Run a stage's command in the workspace.

    Args:
        workspace: Where.
        stage: Which.
        episode: Of which film.
        command: Instead of the one that was declared.
        timeout: Seconds; by default the workspace's.
        values: Other values of placeholders: ``selections=other``.

    Raises:
        SubjectError: It has no command, or cannot be started.
    """
    words = command or workspace.commands.get(stage, ())
    if not words:
        raise SubjectError(f"commands has no {stage}; give its command line as a list of words")
    filled = workspace.fill(words, f"commands.{stage}", episode, **values)
    workspace.logs.mkdir(parents=True, exist_ok=True)
    began = time.time()
    ended = run(
        filled, timeout=timeout or workspace.timeout, name=stage, cwd=workspace.folder,
        log=_new_log(workspace.logs, f"{episode}-{stage}"), env=workspace.variables(),
    )  # fmt: skip
    return StageRun(
        stage=stage, episode=episode, command=tuple(filled), code=ended.code, words=ended.words,
        seconds=ended.seconds, began=began, output=ended.output,
    )  # fmt: skip


def run_stages(workspace: Workspace, stages: Sequence[str], episode: str) -> list[StageRun]:
    """Run stages one after the other until one does not end well; those without a command are left.

    Raises:
        SubjectError: One cannot be started.
    """
    runs: list[StageRun] = []
    for stage in stages:
        if not workspace.has(stage):
            continue
        runs.append(run_stage(workspace, stage, episode))
        if not runs[-1].ended_well:
            break
    return runs


def _new_log(folder: Path, name: str) -> Path:
    """Make a file that was not there: the end of a log must be of this start alone.

    The name of a film may be hostile on purpose, and the log stays in its folder.
    """
    name = re.sub(r"[^\w.-]+", "_", name)[:_LONGEST_NAME]
    for number in itertools.count(1):
        path = folder / (f"{name}.log" if number == 1 else f"{name}-{number}.log")
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            continue
        return path
    raise AssertionError("there is always another number")
