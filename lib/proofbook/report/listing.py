"""``proofbook runs``: the runs of a folder with their verdicts, newest first.

A verdict is judged again from the run's files, so it is never greener than they support. A run
that cannot be read is a line of its own.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from proofbook.errors import RunFolderError
from proofbook.report.loading import load_run
from proofbook.report.summary import RunSummary
from proofbook.report.wording import ATTENTION_ORDER, say_state
from proofbook.runs.finding import run_folders
from proofbook.terminal import say
from proofbook.values import count_noun

__all__ = ["print_runs"]


def print_runs(outputs: Path, limit: int) -> None:
    """Print one line for each of the ``limit`` newest runs under ``outputs``."""
    names = [folder.path.name for folder in run_folders(outputs)]
    if not names:
        say(f"no runs in {outputs}")
        return
    width = max(map(len, names[:limit]))
    for folder in islice(run_folders(outputs), limit):
        try:
            words = _describe(load_run(folder))
        except RunFolderError as error:
            words = f"unreadable  {error}"
        except PermissionError as error:
            words = f"unreadable  {error.filename}: {error.strerror}"
        say(f"{folder.path.name:<{width}}  {words}")
    if len(names) > limit:
        say(f"and {count_noun(len(names) - limit, 'older run')}; --limit shows more")


def _describe(run: RunSummary) -> str:
    worst_first = sorted(run.counts.items(), key=lambda each: ATTENTION_ORDER.index(each[0]))
    states = ", ".join(f"{number} {say_state(status)}" for status, number in worst_first)
    counts = f"{count_noun(len(run.jobs), 'job')}: {states}" if states else "no jobs"
    seconds = "" if run.seconds is None else f"{run.seconds:.0f} s"
    cause = f"  {run.cause}" if run.cause else ""
    return f"{run.verdict:<10}  {seconds:>7}  {counts}{cause}"
