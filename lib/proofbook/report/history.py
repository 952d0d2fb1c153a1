"""Earlier runs of the same profile: what changed, how a value developed, what is flaky.

A result is compared with those of the same testbed, and for a trend of the same revision of what
was tested.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from proofbook.report.index import (
    Result,
    find_comparable,
    index_missing,
    insert_run,
    last_green,
    open_index,
    read_results,
    results_of,
)
from proofbook.report.summary import RunSummary

__all__ = ["Change", "History", "Past", "Series", "load_history", "remember"]

Lines = Mapping[str, list[str | float | None]]
"""States or values of one result in the earlier runs, the oldest first, by key."""

_ENOUGH = 5
_FLAKY_WITHIN = 10
_TURNS: dict[tuple[str, str], str] = {
    ("good", "bad"): "newly failing",
    ("bad", "good"): "fixed",
}
_MARKS = {"good": "✓", "bad": "✗", "skipped": "–"}  # noqa: RUF001 - a dash that is seen


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is not as it was in the run before."""

    kind: str
    """``newly failing``, ``fixed``, ``subject``, ``environment``, ``new``, ``gone``."""
    what: str
    job: str = ""


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
        if not self.enough:
            return f"{len(self.values)} runs: too few to call a trend"
        return f"over {len(self.values)} runs: {min(self.values):.4g} to {max(self.values):.4g}"

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
class Past:
    """How one check ended, the oldest run first; the last is this one."""

    states: tuple[str, ...]
    """``good``, ``bad`` or ``skipped``."""

    @property
    def flaky(self) -> bool:
        """Whether it changed its mind at least twice in the last runs."""
        seen = [state for state in self.states if state != "skipped"]
        recent = seen[-_FLAKY_WITHIN:]
        return sum(a != b for a, b in itertools.pairwise(recent)) >= 2

    @property
    def mixed(self) -> bool:
        """Whether it did not always end alike."""
        return len(set(self.states)) > 1

    @property
    def marks(self) -> str:
        """A mark for each run."""
        return "".join(_MARKS[state] for state in self.states)

    @property
    def words(self) -> str:
        """A summary in words."""
        runs, skipped = len(self.states), self.states.count("skipped")
        if runs == skipped:
            return f"skipped in {runs} runs"
        return f"passed in {self.states.count('good')} of {runs - skipped} runs"


@dataclass(frozen=True, kw_only=True)
class History:
    """What a report shows of earlier runs."""

    previous: str = ""
    """The run of this profile before this one, on the same testbed."""
    changes: tuple[Change, ...] = ()
    series: Mapping[str, Series] = field(default_factory=dict)
    """By :func:`proofbook.report.index.metric_key`."""
    checks: Mapping[tuple[str, str], Past] = field(default_factory=dict)
    """By job and check."""

    @property
    def flaky(self) -> dict[str, str]:
        """Checks that are flaky, as ``job/check``, and how often they passed."""
        return {"/".join(key): past.words for key, past in self.checks.items() if past.flaky}


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
        before = {row[0]: Result(*row) for row in read_results(database, earlier[:1])}
        lines: Lines = {key: [] for key in now}
        for key, revision, state, value in read_results(database, earlier[::-1]):
            if key in now and revision == now[key].revision:
                lines[key].append(state or value)
        green = last_green(database, earlier)
    return History(
        previous=earlier[0],
        changes=(*_changes(before, now), *_environment_changes(green, run.environment)),
        series=_series(lines, now),
        checks=_checks(lines, now),
    )


def _changes(before: Mapping[str, Result], now: Mapping[str, Result]) -> Iterator[Change]:
    # Where only a part of the profile was run, what is not there is not gone.
    jobs = {key for key in before if key.startswith("job")}
    whole = 2 * len(jobs & now.keys()) >= len(jobs)
    reported: set[str] = set()
    keys = {key for key, result in {**before, **now}.items() if result.state}
    for key in sorted(keys):  # a job's checks come before the job
        kind, _, what = key.partition("\n")
        job, _, check = what.partition("\n")
        named = f"{job}: {check}" if check else job
        was, is_now = before.get(key), now.get(key)
        if was and is_now:
            turned = _TURNS.get((was.state, is_now.state))
            if turned and not (kind == "job" and job in reported):
                reported.add(job)
                yield Change(kind=turned, what=named, job=job)
            if kind == "job" and was.revision != is_now.revision:
                what = f"{job}: {was.revision or 'unknown'}, now {is_now.revision or 'unknown'}"
                yield Change(kind="subject", what=what, job=job)
        elif is_now:
            if kind == "job" and whole:
                yield Change(kind="new", what=named, job=job)
        elif whole if kind == "job" else f"job\n{job}" in now:
            yield Change(kind="gone", what=named)


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


def _series(lines: Lines, now: Mapping[str, Result]) -> dict[str, Series]:
    series = {}
    for key, line in lines.items():
        if line and key.startswith("metric"):
            values = (value for value in (*line, now[key].value) if isinstance(value, float))
            finite = tuple(value for value in values if math.isfinite(value))
            if len(finite) > 1:
                series[key] = Series(values=finite)
    return series


def _checks(lines: Lines, now: Mapping[str, Result]) -> dict[tuple[str, str], Past]:
    checks = {}
    for key, line in lines.items():
        if line and key.startswith("check"):
            _, job, check = key.split("\n", 2)
            states = (*line, now[key].state)
            checks[job, check] = Past(states=tuple(str(state) for state in states))
    return checks
