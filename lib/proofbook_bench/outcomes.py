"""What runs leave in their folders: outcomes, marks of single notebooks, trouble in logs.

Reads the files from outside, as anyone could. Knows nothing about how a run is executed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from proofbook.errors import SubjectError

__all__ = [
    "Mark",
    "count_attempts",
    "count_kernels",
    "count_statuses",
    "find_trouble",
    "job_seconds",
    "only_run",
    "printed_sizes",
    "read_marks",
    "read_times",
]

_TROUBLE = re.compile(
    r"Traceback|Errno|in use|EADDRINUSE|ZMQError|No such file|Permission denied|ordinary kernel"
)


class Mark(NamedTuple):
    """What one notebook wrote down about itself."""

    folder: str
    """Name of the job's folder in which its file lay."""
    job: str
    number: int
    cwd: str
    pid: int
    temporary: str
    found: list[str | None]
    """What an earlier notebook had left in its variables and environment."""

    @property
    def at_home(self) -> bool:
        """Whether it ran in its own job's folder, under its own name."""
        return self.folder == self.job and Path(self.cwd).parent.name == self.job


def only_run(outputs: Path) -> Path:
    """Return the folder of the only run under ``outputs``.

    Raises:
        SubjectError: There is none, or more than one.
    """
    runs = [path.parent for path in outputs.glob("*/run.json")]
    if len(runs) != 1:
        raise SubjectError(f"{outputs}: expected one run, found {len(runs)}")
    return runs[0]


def read_marks(run: Path) -> list[Mark]:
    """Return the marks that the notebooks of a run left in their working folders."""
    marks = []
    for path in sorted(run.glob("jobs/*/work/mark.json")):
        content: dict[str, Any] = json.loads(path.read_text())
        marks.append(Mark(folder=path.parents[1].name, **content))
    return marks


def count_statuses(run: Path) -> dict[str, int]:
    """Return how many jobs of a run ended in each way."""
    return dict(Counter(outcome["status"] for outcome in _outcomes(run)))


def count_attempts(run: Path) -> dict[int, int]:
    """Return how many jobs of a run took how many attempts."""
    return dict(Counter(len(outcome["attempts"]) for outcome in _outcomes(run)))


def count_kernels(outputs: Path) -> dict[str, int]:
    """Return how many jobs of all runs under ``outputs`` had each kind of kernel."""
    runs = [path.parent for path in outputs.glob("*/run.json")]
    return dict(Counter(outcome["kernel"] for run in runs for outcome in _outcomes(run)))


def job_seconds(run: Path) -> list[float]:
    """Return how long each job of a run took, in seconds."""
    return [(ended - started).total_seconds() for started, ended in read_times(run)]


def read_times(run: Path) -> list[tuple[datetime, datetime]]:
    """Return when each job of a run began and ended."""
    return [
        (datetime.fromisoformat(outcome["started"]), datetime.fromisoformat(outcome["ended"]))
        for outcome in _outcomes(run)
    ]


def printed_sizes(notebook: Path) -> list[int]:
    """Return how many characters each code cell of an executed notebook has printed."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [
        sum(len("".join(o["text"])) for o in cell["outputs"] if o["output_type"] == "stream")
        for cell in cells
        if cell["cell_type"] == "code"
    ]


def find_trouble(logs: Iterable[Path]) -> list[str]:
    """Return each line that tells of a port, folder, socket or other error, with its file."""
    return [
        f"{path.parent.name}/{path.name}: {line.strip()}"
        for path in logs
        for line in path.read_text(errors="replace").splitlines()
        if _TROUBLE.search(line)
    ]


def _outcomes(run: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(run.glob("jobs/*/outcome.json")):
        yield json.loads(path.read_text())
