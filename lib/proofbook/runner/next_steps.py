"""What a person reads in the terminal after a run: why it is not green, and what to do next.

Pure: a run's summary in, lines out. The verdict itself is said before them.
"""

from __future__ import annotations

import glob
import shlex
from collections.abc import Iterator
from pathlib import Path

from proofbook.report.causes import find_causes
from proofbook.report.summary import JobSummary, RunSummary
from proofbook.runs.record_rules import is_forbidden_skip
from proofbook.values import count_noun

__all__ = ["list_next_steps"]

_MOST = 3
"""Causes, and jobs, that are told; the report has all of them."""


def list_next_steps(run: RunSummary, outputs: Path | None = None) -> list[str]:
    """Return what failed, the worst first, and the commands that go on from there.

    Args:
        run: The run that has ended.
        outputs: The folder of the runs, where it is not the project's.
    """
    where = f" --outputs {shlex.quote(str(outputs))}" if outputs else ""
    return [*_causes(run), *_skips(run), *_commands(run, where)]


def _causes(run: RunSummary) -> Iterator[str]:
    failed = [cause for cause in find_causes(run.jobs) if cause.name]
    for cause in failed[:_MOST]:
        jobs = cause.jobs[0] + (f" and {len(cause.jobs) - 1} more" if cause.jobs[1:] else "")
        why = _why(run, cause.name, cause.jobs[0])
        yield f"  {cause.name}: {cause.detail}{f'; {why}' if why else ''} ({jobs})"
    if failed[_MOST:]:
        yield f"  and {len(failed) - _MOST} more in the report"


def _why(run: RunSummary, name: str, job_id: str) -> str:
    """Return the first line of why a check matters, or of what it saw."""
    checks = [check for job in run.jobs if job.id == job_id for check in job.checks]
    why = next((check.why for check in checks if check.name == name), "")
    return why.strip().partition("\n")[0]


def _skips(run: RunSummary) -> Iterator[str]:
    found = [(job, names) for job in run.jobs if (names := _forbidden(job))]
    for job, names in found[:_MOST]:
        options = " ".join(f"--allow-skips {shlex.quote(glob.escape(name))}" for name in names)
        checks = count_noun(len(names), "check")
        yield (
            f"  {job.id} could not make {checks}: give what is asked for, or say that you can do "
            f"without: {options}"
        )


def _forbidden(job: JobSummary) -> list[str]:
    return [check.name for check in job.checks if is_forbidden_skip(check, job.allow_skips)]


def _commands(run: RunSummary, where: str) -> Iterator[str]:
    """Yield one command: of a failed run where it failed, of a green one the questions' page."""
    if run.verdict == "unreviewed":
        yield f"next: proofbook review{where}"
        return
    executed = [job for job in run.jobs if not job.is_green and job.started is not None]
    broken = [job for job in executed if job.outcome == "error" or _has_failed(job)]
    if broken:
        words = [run.run_id, broken[0].id] if where else [broken[0].id]
        yield f"next: proofbook lab {shlex.join(words)}{where} opens it at the failing cell"


def _has_failed(job: JobSummary) -> bool:
    return any(check.status in ("failed", "error") for check in job.checks)
