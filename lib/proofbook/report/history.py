"""What earlier runs of the same profile said: what changed, how a metric goes, what is flaky.

Kept in ``outputs/history.sqlite``, an index that may be deleted: it is made again from the reports
of the runs that are there. A result is comparable with another only on the same testbed.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from proofbook.records import Metric
from proofbook.report.summary import JobSummary, RunSummary
from proofbook.storage import RunFolder

__all__ = ["Change", "History", "Series", "load_history", "metric_key", "remember"]

_FILE = "history.sqlite"
_LOOK_BACK = 20
_FLAKY_WITHIN = 10
_TURNS: dict[tuple[str | None, str | None], str] = {
    ("good", "bad"): "newly failing",
    ("bad", "good"): "fixed",
}
_SCHEMA = """
create table if not exists runs (
    run text primary key, profile text, testbed text, started text, verdict text, environment text
);
create table if not exists results (
    run text, key text, state text, value real,
    primary key (run, key)
);
create index if not exists results_of_key on results (key, run);
"""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is not as it was in the run before."""

    kind: str
    """``newly failing``, ``fixed``, ``new``, ``gone``, ``environment``."""
    what: str
    job: str = ""


@dataclass(frozen=True, kw_only=True)
class Series:
    """The values of one metric, the oldest first; the last is this run's."""

    values: tuple[float, ...]

    @property
    def enough(self) -> bool:
        """Whether there are runs enough to speak of a trend."""
        return len(self.values) >= 5

    @property
    def words(self) -> str:
        """What may be said about it."""
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
class History:
    """What a report says about earlier runs."""

    previous: str = ""
    """The run of this profile before this one, on the same testbed."""
    changes: tuple[Change, ...] = ()
    series: Mapping[str, Series] = field(default_factory=dict)
    """By :func:`metric_key`."""
    flaky: Mapping[str, str] = field(default_factory=dict)
    """Check, as ``job/check``, to how often it failed lately."""


def metric_key(job: str, metric: Metric) -> str:
    """Return what makes two values the same metric: job, name and labels."""
    labels = json.dumps(dict(metric.labels), sort_keys=True)
    return f"metric\n{job}\n{metric.name}\n{labels}"


def remember(outputs: Path, run: RunSummary) -> None:
    """Put a run into the index, in place of what was there of it."""
    with closing(_open(outputs)) as database, database:
        _insert(database, run)


def load_history(outputs: Path, run: RunSummary) -> History:
    """Return what the runs before this one say; nothing where there are none."""
    with closing(_open(outputs)) as database, database:
        _index_missing(database, outputs, run.run_id)
        earlier = _comparable(database, run)
        if not earlier:
            return History()
        return History(
            previous=earlier[0],
            changes=tuple(_changes(database, earlier, run)),
            series=_series(database, earlier, run),
            flaky=_flaky(database, earlier, run),
        )


def _comparable(database: sqlite3.Connection, run: RunSummary) -> list[str]:
    """Return the last runs of the profile on this testbed that share a job with this one."""
    jobs = {f"job\n{job.id}" for job in run.jobs}
    query = (
        "select run from runs where profile = ? and testbed = ? and started < ? "
        "order by started desc limit ?"
    )
    given = (run.profile, _testbed(run), run.started.isoformat(), _LOOK_BACK)
    return [name for (name,) in database.execute(query, given) if jobs & _jobs(database, name)]


def _jobs(database: sqlite3.Connection, run: str) -> set[str]:
    query = "select key from results where run = ? and key like 'job%'"
    return {key for (key,) in database.execute(query, (run,))}


def _open(outputs: Path) -> sqlite3.Connection:
    path = outputs / _FILE
    try:
        return _prepared(path)
    except sqlite3.OperationalError:
        raise  # it is locked or cannot be read: another's work is not thrown away
    except sqlite3.DatabaseError:
        path.unlink(missing_ok=True)  # no database at all: the index is made again
        return _prepared(path)


def _prepared(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=30)
    try:
        database.executescript(_SCHEMA)
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


def _index_missing(database: sqlite3.Connection, outputs: Path, own: str) -> None:
    """Read the reports of runs that the index does not have, and forget those that are gone."""
    known = {row[0] for row in database.execute("select run from runs")}
    there = {path.parent.parent.name for path in outputs.glob("*/report/report.json")}
    for name in known - there - {own}:
        database.execute("delete from runs where run = ?", (name,))
        database.execute("delete from results where run = ?", (name,))
    for name in there - known - {own}:
        try:
            text = (RunFolder(outputs / name).report / "report.json").read_bytes()
            _insert(database, _summary(text))
        except (OSError, ValueError):
            continue  # of another version, or being written: it has no history to give


def _summary(text: bytes) -> RunSummary:
    values = json.loads(text)
    for name in ("seconds", "counts", "check_counts", "open_questions"):
        values.pop(name, None)
    return RunSummary.model_validate(values)


def _insert(database: sqlite3.Connection, run: RunSummary) -> None:
    database.execute("delete from results where run = ?", (run.run_id,))
    environment = json.dumps(run.environment, sort_keys=True)
    database.execute(
        "insert or replace into runs values (?, ?, ?, ?, ?, ?)",
        (run.run_id, run.profile, _testbed(run), run.started.isoformat(), run.verdict, environment),
    )
    rows = ((run.run_id, key, state, value) for key, state, value in _results(run.jobs))
    database.executemany("insert or replace into results values (?, ?, ?, ?)", rows)


def _results(jobs: Iterable[JobSummary]) -> Iterable[tuple[str, str, float | None]]:
    for job in jobs:
        yield f"job\n{job.id}", "good" if job.is_green else "bad", None
        for check in job.checks:
            state = {"passed": "good", "skipped": "skipped"}.get(check.status, "bad")
            yield f"check\n{job.id}\n{check.name}", state, None
        for metric in job.metrics:
            yield metric_key(job.id, metric), "", metric.value


def _testbed(run: RunSummary) -> str:
    """Return what makes two machines comparable: system, cores and cards."""
    names = ("platform", "cores", "gpu", "gpu_name")
    return json.dumps({name: run.hardware.get(name) for name in names}, sort_keys=True)


def _states(database: sqlite3.Connection, run: str) -> dict[str, str]:
    query = "select key, state from results where run = ? and state != ''"
    return dict(database.execute(query, (run,)).fetchall())


def _changes(database: sqlite3.Connection, earlier: list[str], run: RunSummary) -> Iterable[Change]:
    before = _states(database, earlier[0])
    now = {key: state for key, state, _ in _results(run.jobs) if state}
    # Where only a part of the profile was run, what is not there is not gone.
    jobs = {key for key in before if key.startswith("job")}
    whole = 2 * len(jobs & now.keys()) >= len(jobs)
    told: set[str] = set()
    for key in sorted(now.keys() | before.keys()):  # a job's checks come before the job
        kind, _, what = key.partition("\n")
        job, _, check = what.partition("\n")
        named = f"{job}: {check}" if check else job
        was, is_now = before.get(key), now.get(key)
        turned = _TURNS.get((was, is_now))
        if turned and not (kind == "job" and job in told):
            told.add(job)
            yield Change(kind=turned, what=named, job=job)
        elif kind == "job" and was is None and whole:
            yield Change(kind="new", what=named, job=job)
        elif is_now is None and (whole if kind == "job" else f"job\n{job}" in now):
            yield Change(kind="gone", what=named)
    yield from _environment_changes(database, earlier, run)


def _environment_changes(
    database: sqlite3.Connection, earlier: list[str], run: RunSummary
) -> Iterable[Change]:
    """Compare with the last run that was green."""
    marks = ",".join("?" * len(earlier))
    found = database.execute(
        f"select run, environment from runs where run in ({marks}) and verdict in "
        "('passed', 'waived', 'unreviewed') order by started desc limit 1",
        earlier,
    ).fetchone()
    if found is None:
        return
    before: dict[str, str] = json.loads(found[1])
    for name in sorted(before.keys() | run.environment.keys()):
        was, is_now = before.get(name, "absent"), run.environment.get(name, "absent")
        if was != is_now:
            yield Change(kind="environment", what=f"{name}: {was} in {found[0]}, {is_now} now")


def _series(database: sqlite3.Connection, earlier: list[str], run: RunSummary) -> dict[str, Series]:
    marks = ",".join("?" * len(earlier))
    query = (
        f"select results.key, results.value from results join runs using (run) "
        f"where run in ({marks}) and results.value is not null order by runs.started"
    )
    found: dict[str, list[float]] = {}
    for key, value in database.execute(query, earlier):
        found.setdefault(key, []).append(value)
    return {
        key: Series(values=(*found[key], metric.value))
        for job in run.jobs
        for metric in job.metrics
        if (key := metric_key(job.id, metric)) in found
    }


def _flaky(database: sqlite3.Connection, earlier: list[str], run: RunSummary) -> dict[str, str]:
    """Return checks that changed their mind at least twice in the last runs."""
    recent = list(reversed(earlier[:_FLAKY_WITHIN]))
    states = [_states(database, name) for name in recent]
    states.append({key: state for key, state, _ in _results(run.jobs) if state})
    found = {}
    for key in states[-1]:
        kind, _, what = key.partition("\n")
        seen = [state[key] for state in states if state.get(key) in ("good", "bad")]
        turns = sum(a != b for a, b in itertools.pairwise(seen))
        if kind == "check" and turns >= 2:
            found[what.replace("\n", "/")] = f"failed in {seen.count('bad')} of {len(seen)} runs"
    return found
