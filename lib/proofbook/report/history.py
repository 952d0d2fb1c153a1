"""Earlier runs of the same profile: what changed, how a value developed, what is flaky.

A result is compared with those of the same testbed, and for a trend of the same revision of what
was tested.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from proofbook.report.changes import Change, PreviousRun, job_changes, sort_changes
from proofbook.report.index import (
    Result,
    find_comparable,
    index_missing,
    insert_run,
    last_green,
    last_whole_checks,
    open_index,
    read_results,
    results_of,
)
from proofbook.report.past import Past
from proofbook.report.summary import RunSummary
from proofbook.values import count_noun

__all__ = ["History", "Series", "load_history", "remember"]

_ENOUGH = 5


class _Earlier(NamedTuple):
    """How a job or check ended in one earlier run; many of them share one object."""

    run: str
    state: str
    is_comparable: bool
    """Whether the same revision was tested."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """The values of one metric, the oldest first; the last is this run's."""

    values: tuple[float, ...]

    @property
    def enough(self) -> bool:
        """Whether there are runs enough to speak of a trend."""
        return len(self.values) >= _ENOUGH

    @property
    def words(self) -> str:
        """A summary in words."""
        runs = count_noun(len(self.values), "run")
        if not self.enough:
            return f"{runs}: too few to call a trend"
        return f"over {runs}: {min(self.values):.4g} to {max(self.values):.4g}"

    @property
    def points(self) -> str:
        """The values as the points of a line in a box of 100 by 20."""
        low, high = min(self.values), max(self.values)
        span = (high - low) or 1
        step = 100 / max(1, len(self.values) - 1)
        return " ".join(
            f"{index * step:.1f},{19 - 18 * (value - low) / span:.1f}"
            for index, value in enumerate(self.values)
        )


@dataclass(frozen=True, kw_only=True)
class History:
    """What a report shows of earlier runs."""

    previous: str = ""
    """The run of this profile before this one, on the same testbed."""
    changes: tuple[Change, ...] = ()
    """The worst first."""
    series: Mapping[str, Series] = field(default_factory=dict)
    """By :func:`proofbook.report.index.metric_key`."""
    past: Mapping[tuple[str, str], Past] = field(default_factory=dict)
    """By job and check; the check is empty for the job itself."""
    unreached: Mapping[str, int] = field(default_factory=dict)
    """Checks that a job made in its last whole run, and not in this one; by job."""

    @cached_property
    def flaky(self) -> dict[str, str]:
        """Jobs and checks that are flaky, as ``job/check``, and how often they failed."""
        flaky = {key: past for key, past in self.past.items() if past.flaky}
        checked = {job for job, check in flaky if check}
        return {
            f"{job}/{check}" if check else job: past.words
            for (job, check), past in flaky.items()
            if check or job not in checked
        }


def remember(outputs: Path, run: RunSummary) -> None:
    """Put a run into the index, in place of what was there of it."""
    with closing(open_index(outputs)) as database, database:
        insert_run(database, run)


def load_history(outputs: Path, run: RunSummary) -> History:
    """Return what the runs before this one recorded; nothing where there are none."""
    with closing(open_index(outputs)) as database, database:
        index_missing(database, outputs, run.run_id)
        earlier = find_comparable(database, run)
        if not earlier:
            return History()
        now = {result.key: result for result in results_of(run.jobs)}
        lines, values = _read_lines(database, earlier[::-1], now)
        previous = _read_previous(database, earlier[0], now)
        green = last_green(database, earlier)
        unreached = _count_unreached(database, earlier, run)
    past = _past(lines, now)
    changes = (
        *job_changes(run, previous, past),
        *_environment_changes(green, run.environment),
    )
    return History(
        previous=earlier[0],
        changes=sort_changes(changes),
        series=_series(values, now),
        past=past,
        unreached=unreached,
    )


def _read_lines(
    database: sqlite3.Connection, runs: list[str], now: Mapping[str, Result]
) -> tuple[dict[str, list[_Earlier]], dict[str, list[float]]]:
    """Return the states of jobs and checks, and the values of metrics, the oldest first."""
    lines: dict[str, list[_Earlier]] = {}
    values: dict[str, list[float]] = {}
    shared: dict[_Earlier, _Earlier] = {}
    for run in runs:
        for key, revision, state, value in read_results(database, run):
            current = now.get(key)
            if current is None:
                continue
            is_comparable = revision == current.revision
            if state:
                entry = _Earlier(run, state, is_comparable)
                lines.setdefault(key, []).append(shared.setdefault(entry, entry))
            elif is_comparable and isinstance(value, float):
                values.setdefault(key, []).append(value)
    return lines, values


def _read_previous(
    database: sqlite3.Connection, name: str, now: Mapping[str, Result]
) -> PreviousRun:
    revisions: dict[str, str] = {}
    finished: set[str] = set()
    lost: list[list[str]] = []
    for key, revision, _, value in read_results(database, name):
        kind, _, rest = key.partition("\n")
        if kind == "job":
            revisions[rest] = revision
            if value is not None:
                finished.add(rest)
        if key not in now:
            lost.append(key.split("\n", 2))
    return PreviousRun(
        revisions=revisions,
        finished=frozenset(finished),
        lost_jobs=sorted(names[0] for kind, *names in lost if kind == "job"),
        lost_checks=sorted((names[0], names[1]) for kind, *names in lost if kind == "check"),
    )


def _count_unreached(
    database: sqlite3.Connection, runs: list[str], run: RunSummary
) -> dict[str, int]:
    counts = {}
    for job in run.jobs:
        if not job.reached_end and not job.is_green:
            made = {check.name for check in job.checks}
            missed = last_whole_checks(database, runs, job.id) - made
            if missed:
                counts[job.id] = len(missed)
    return counts


def _environment_changes(
    green: tuple[str, dict[str, str]] | None, environment: Mapping[str, str]
) -> Iterator[Change]:
    """Compare with the last run that was green."""
    if green is None:
        return
    run, before = green
    for name in sorted(before.keys() | environment.keys()):
        was, is_now = before.get(name, "absent"), environment.get(name, "absent")
        if was != is_now:
            yield Change(kind="environment", what=f"{name}: {was} in {run}, {is_now} now")


def _series(values: Mapping[str, list[float]], now: Mapping[str, Result]) -> dict[str, Series]:
    series = {}
    for key, line in values.items():
        both = (*line, now[key].value)
        finite = tuple(each for each in both if each is not None and math.isfinite(each))
        if len(finite) > 1:
            series[key] = Series(values=finite)
    return series


def _past(
    lines: Mapping[str, list[_Earlier]], now: Mapping[str, Result]
) -> dict[tuple[str, str], Past]:
    """Return how jobs and checks ended; those that ended alike share one object."""
    shared: dict[tuple[tuple[_Earlier, ...], str], Past] = {}
    past = {}
    for key, line in lines.items():
        _, job, *check = key.split("\n", 2)
        alike = (tuple(line), now[key].state)
        if alike not in shared:
            shared[alike] = _make_past(*alike)
        past[job, check[0] if check else ""] = shared[alike]
    return past


def _make_past(line: tuple[_Earlier, ...], state: str) -> Past:
    comparable = [each for each in line if each.is_comparable]
    known = comparable or [each for each in line if each.state != "skipped"][-1:]
    return Past(
        states=(*(each.state for each in known), state),
        runs=tuple(each.run for each in known),
        revised=bool(known) and not comparable,
    )
