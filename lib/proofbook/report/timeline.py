"""When each job ran: lanes of bars, as many lanes as jobs ran at once.

Pure: knows nothing about how it is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from proofbook.report.summary import JobSummary, RunSummary

__all__ = ["Bar", "Tick", "Timeline", "lay_out"]

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
_MOST_TICKS = 8


@dataclass(frozen=True)
class Bar:
    """One job; ``left`` and ``width`` are percent of the whole span."""

    job: JobSummary
    left: float
    width: float


@dataclass(frozen=True)
class Tick:
    """A mark on the time axis, ``left`` in percent."""

    seconds: float
    left: float


@dataclass(frozen=True)
class Timeline:
    """Lanes from the top, each with its bars in order of time."""

    lanes: tuple[tuple[Bar, ...], ...]
    ticks: tuple[Tick, ...]
    seconds: float


def lay_out(run: RunSummary) -> Timeline | None:
    """Return the time-line of a run, or None where no job recorded a start."""
    jobs = sorted((job for job in run.jobs if job.started), key=lambda job: (_start(job), job.id))
    if not jobs:
        return None
    first = min(run.started, _start(jobs[0]))
    last = run.ended or _guess_end(jobs, first)
    last = max([last, *(_end(job, last) for job in jobs)])
    span = max((last - first).total_seconds(), 1e-3)
    lanes: list[list[Bar]] = []
    free: list[datetime] = []
    for job in jobs:
        start, end = _start(job), _end(job, last)
        lane = next((i for i, until in enumerate(free) if until <= start), len(lanes))
        if lane == len(lanes):
            lanes.append([])
            free.append(end)
        left = (start - first).total_seconds() / span * 100
        lanes[lane].append(Bar(job, left, (end - start).total_seconds() / span * 100))
        free[lane] = end
    return Timeline(tuple(tuple(lane) for lane in lanes), _mark(span), span)


def _start(job: JobSummary) -> datetime:
    assert job.started is not None  # only jobs that have started are laid out
    return job.started


def _end(job: JobSummary, last: datetime) -> datetime:
    """A job without an end reaches to the end of the run."""
    return max(job.ended or last, _start(job))


def _guess_end(jobs: Sequence[JobSummary], first: datetime) -> datetime:
    """Of a run without an end: a tenth beyond the last moment that any job recorded."""
    latest = max(job.ended or _start(job) for job in jobs)
    return latest + max((latest - first) / 10, timedelta(seconds=1))


def _mark(span: float) -> tuple[Tick, ...]:
    step = next((step for step in _STEPS if span / step <= _MOST_TICKS), span / _MOST_TICKS)
    return tuple(Tick(i * step, i * step / span * 100) for i in range(int(span / step) + 1))
