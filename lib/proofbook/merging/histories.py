"""Hold the history of another machine against what a run's files support here.

The index is not taken over: it is made of the runs themselves. A received one may be no database,
or one that is made to harm who reads it.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from proofbook.report.index import HISTORY_FILE, HISTORY_VERSION, results_of
from proofbook.report.summary import RunSummary

__all__ = ["ReceivedHistory", "read_history"]

_Results = dict[str, tuple[str, str, float | None]]
_STEP = 1_000_000
"""Instructions of SQLite."""
_MOST_STEPS = 200
"""A query that takes more is ended."""


class ReceivedHistory:
    """What the index of another machine says of its runs."""

    def __init__(self, results: Mapping[str, _Results], problem: str = "") -> None:
        self._results = results
        self.problem = problem
        """Why it was not compared."""

    def knows(self, run_id: str) -> bool:
        """Return whether it says anything of a run."""
        return run_id in self._results

    def differences(self, run: RunSummary) -> list[str]:
        """Return what it says otherwise than the run's files support, one line each."""
        there = self._results.get(run.run_id, {})
        here = {
            result.key: (result.revision, result.state, _real(result.value))
            for result in results_of(run.jobs)
        }
        keys = sorted(key for key in here.keys() | there.keys() if here.get(key) != there.get(key))
        return [
            f"{', '.join(key.split(chr(10))[1:])}: {_words(there.get(key))} there, "
            f"{_words(here.get(key))} by its files"
            for key in keys
        ]


def read_history(outputs: Path) -> ReceivedHistory:
    """Read the index below the outputs of another machine; never raises for what is in it."""
    path = outputs / HISTORY_FILE
    if path.is_symlink() or not path.is_file():
        return ReceivedHistory({})
    try:
        with closing(_open(path)) as database:
            (version,) = database.execute("pragma user_version").fetchone()
            if version != HISTORY_VERSION:
                return ReceivedHistory({}, f"{path} is of another version, and is not compared")
            return ReceivedHistory(_read(_plain_rows(database)))
    except (sqlite3.Error, ValueError) as error:
        return ReceivedHistory({}, f"{path} cannot be read, and is not compared: {error}")


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    database.execute("pragma trusted_schema = off")
    steps = iter(range(_MOST_STEPS))
    database.set_progress_handler(lambda: next(steps, None) is None, _STEP)
    return database


def _plain_rows(database: sqlite3.Connection) -> Iterator[tuple[object, ...]]:
    """Yield the results, of a table and never of a view, which could compute for ever."""
    query = "select type, sql from sqlite_master where name = 'results'"
    kind, made = database.execute(query).fetchone() or ("nothing", "")
    if kind != "table" or not str(made).lower().startswith("create table"):
        raise ValueError(f"its results are {kind}")
    yield from database.execute("select run, key, revision, state, value from results")


def _read(rows: Iterable[tuple[object, ...]]) -> dict[str, _Results]:
    results: dict[str, _Results] = {}
    for run, key, revision, state, value in rows:
        number = float(value) if isinstance(value, int | float) else None
        results.setdefault(str(run), {})[str(key)] = (str(revision), str(state), number)
    return results


def _real(value: float | None) -> float | None:
    """Return a value as a database has it."""
    return None if value is None or math.isnan(value) else float(value)


def _words(result: tuple[str, str, float | None] | None) -> str:
    if result is None:
        return "nothing"
    _, state, value = result
    return state or ("no number" if value is None else f"{value:.6g}")
