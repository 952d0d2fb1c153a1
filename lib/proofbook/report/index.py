"""The index of earlier runs: ``outputs/history.sqlite``, rebuilt from their reports if deleted.

Knows what a run's results are called, and not how those of two runs compare.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from proofbook.files import read_file
from proofbook.records import Metric
from proofbook.report.summary import JobSummary, RunSummary
from proofbook.runs.finding import warn_once
from proofbook.runs.folder import RunFolder
from proofbook.values import count_noun

__all__ = [
    "HISTORY_FILE",
    "HISTORY_VERSION",
    "Result",
    "find_comparable",
    "index_missing",
    "insert_run",
    "last_green",
    "last_whole_checks",
    "metric_key",
    "open_index",
    "read_results",
    "results_of",
]

HISTORY_FILE = "history.sqlite"
_LOOK_BACK = 20
HISTORY_VERSION = 3
_SCHEMA = """
create table if not exists runs (
    run text primary key, profile text, testbed text, started text, verdict text, environment text
);
create table if not exists results (
    run text, key text, revision text, state text, value real,
    primary key (run, key)
) without rowid;
"""


class Result(NamedTuple):
    """What one job, check or metric came to in one run."""

    key: str
    """``job``, ``check`` or ``metric``, then what names it, in lines."""
    revision: str
    """Of what was tested."""
    state: str
    """``good``, ``bad``, ``broken`` (a job that did not get to its checks' verdict) or
    ``skipped`` (nothing was found out); empty for a metric."""
    value: float | None
    """Of a metric; of a job, the number of its checks where it reached its end."""


def metric_key(job: str, metric: Metric) -> str:
    """Return what makes two values the same metric: job, name and labels."""
    labels = json.dumps(dict(metric.labels), sort_keys=True)
    return f"metric\n{job}\n{metric.name}\n{labels}"


def results_of(jobs: Iterable[JobSummary]) -> Iterator[Result]:
    """Return all results of a run's jobs."""
    for job in jobs:
        made = float(len(job.checks)) if job.reached_end else None
        yield Result(f"job\n{job.id}", job.revision, _state(job), made)
        for check in job.checks:
            state = {"passed": "good", "skipped": "skipped"}.get(check.status, "bad")
            yield Result(f"check\n{job.id}\n{check.name}", job.revision, state, None)
        for metric in job.metrics:
            yield Result(metric_key(job.id, metric), job.revision, "", metric.value)


def _state(job: JobSummary) -> str:
    if job.is_green:
        return "good"
    if job.outcome in ("skipped", "cancelled") or job.started is None:
        return "skipped"
    return "bad" if job.outcome == "failed" else "broken"


def open_index(outputs: Path) -> sqlite3.Connection:
    """Open the index below ``outputs``; one that is broken or of another version is rebuilt.

    One that is locked, or that this user may not read or write, is somebody else's: it is not
    deleted, and an index is made that is not kept.
    """
    path = outputs / HISTORY_FILE
    try:
        return _prepared(path)
    except sqlite3.OperationalError as error:
        warn_once(f"{path} is not used ({error}): reports of earlier runs are read each time")
        return _prepared(":memory:")
    except sqlite3.DatabaseError:
        path.unlink(missing_ok=True)
        return _prepared(path)


def insert_run(database: sqlite3.Connection, run: RunSummary) -> None:
    """Put a run in, in place of what was there of it."""
    database.execute("delete from results where run = ?", (run.run_id,))
    environment = json.dumps(run.environment, sort_keys=True)
    database.execute(
        "insert or replace into runs values (?, ?, ?, ?, ?, ?)",
        (run.run_id, run.profile, _testbed(run), run.started.isoformat(), run.verdict, environment),
    )
    rows = ((run.run_id, *result) for result in results_of(run.jobs))
    database.executemany("insert or replace into results values (?, ?, ?, ?, ?)", rows)


def index_missing(database: sqlite3.Connection, outputs: Path, own: str) -> None:
    """Read the reports of runs that are not in, and forget runs that are gone; ``own`` is left.

    Reports that cannot be read, such as those of another version, are left out and counted. A copy
    of a run says nothing in its place.
    """
    known = {row[0] for row in database.execute("select run from runs")}
    present = {path.parent.parent.name for path in outputs.glob("*/report/report.json")}
    for name in known - present - {own}:
        database.execute("delete from runs where run = ?", (name,))
        database.execute("delete from results where run = ?", (name,))
    unreadable = []
    for name in sorted(present - known - {own}):
        try:
            text = read_file(RunFolder(outputs / name).report / "report.json")
            summary = _summary(text)
            if summary.run_id in (present | {own}) - {name}:
                warn_once(f"left out of the history: {outputs / name}, a copy of {summary.run_id}")
            else:
                insert_run(database, summary)
        except (OSError, ValueError, RecursionError):
            unreadable.append(name)
    if unreadable:
        runs = count_noun(len(unreadable), "run")
        warn_once(
            f"left out of the history: the report.json of {runs} in {outputs}, "
            f"which cannot be read; the first: {unreadable[0]}; proofbook report writes it again"
        )


def find_comparable(database: sqlite3.Connection, run: RunSummary) -> list[str]:
    """Return the last runs of the profile on this testbed that share a job, the newest first."""
    jobs = {f"job\n{job.id}" for job in run.jobs}
    query = (
        "select run from runs where profile = ? and testbed = ? and run < ? "
        "order by run desc limit ?"
    )
    values = (run.profile, _testbed(run), run.run_id, _LOOK_BACK)
    return [name for (name,) in database.execute(query, values) if jobs & _jobs(database, name)]


def read_results(
    database: sqlite3.Connection, run: str
) -> Iterator[tuple[str, str, str, float | None]]:
    """Return the results of a run as the parts of :class:`Result`.

    Plain tuples: of all runs together there may be a million of them.
    """
    query = "select key, revision, state, value from results where run = ?"
    yield from database.execute(query, (run,))


def last_whole_checks(
    database: sqlite3.Connection, runs: Sequence[str], job: str
) -> frozenset[str]:
    """Return the checks of a job in the newest of ``runs`` where it reached its end.

    ``runs`` are the newest first; nothing is returned where it reached its end in none of them.
    """
    ended = "select value from results where run = ? and key = ? and value is not null"
    made = "select key from results where run = ? and key > ? and key < ?"
    for run in runs:
        if database.execute(ended, (run, f"job\n{job}")).fetchone():
            below = f"check\n{job}\n"
            after = f"check\n{job}\x0b"  # the character after a line's end
            rows = database.execute(made, (run, below, after))
            return frozenset(key.removeprefix(below) for (key,) in rows)
    return frozenset()


def last_green(
    database: sqlite3.Connection, runs: Sequence[str]
) -> tuple[str, dict[str, str]] | None:
    """Return the newest of these runs that was green, and its environment."""
    marks = ",".join("?" * len(runs))
    row = database.execute(
        f"select run, environment from runs where run in ({marks}) and verdict in "
        "('passed', 'waived', 'unreviewed') order by run desc limit 1",
        list(runs),
    ).fetchone()
    return (row[0], json.loads(row[1])) if row else None


def _jobs(database: sqlite3.Connection, run: str) -> set[str]:
    query = "select key from results where run = ? and key >= 'job' and key < 'joc'"
    return {key for (key,) in database.execute(query, (run,))}


def _prepared(path: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=30)
    try:
        (version,) = database.execute("pragma user_version").fetchone()
        if version != HISTORY_VERSION:
            database.executescript("drop table if exists runs; drop table if exists results;")
        database.executescript(f"{_SCHEMA} pragma user_version = {HISTORY_VERSION};")
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


def _summary(text: bytes) -> RunSummary:
    values = json.loads(text)
    for name in ("seconds", "counts", "check_counts", "open_questions"):
        values.pop(name, None)
    return RunSummary.model_validate(values)


def _testbed(run: RunSummary) -> str:
    """Return what makes two machines comparable: system, cores and GPUs."""
    names = ("platform", "cores", "gpu", "gpu_name")
    return json.dumps({name: run.hardware.get(name) for name in names}, sort_keys=True)
