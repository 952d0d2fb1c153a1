"""Faults of the trends: each changes the rows before they are written."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from proofbook_subjects.pipeline.faults import Faults

__all__ = ["ROWS", "Row", "forget_uniqueness", "spoil_rows"]


class Row(NamedTuple):
    """A row of the table of trends."""

    name: str
    score: float | None
    timestamp: str
    source: str
    url: str


def spoil_rows(faults: Faults, rows: list[Row]) -> list[Row]:
    """Return the rows as the faults have them."""
    for kind, value in faults.of("trends").items():
        if kind in ROWS:
            rows = ROWS[kind](rows, value)
    return rows


def forget_uniqueness(connection: sqlite3.Connection) -> None:
    """Drop the key that keeps a topic from being written twice."""
    connection.execute("DROP INDEX IF EXISTS trends_once")


def _all(rows: list[Row], **changes: Any) -> list[Row]:
    return [row._replace(**changes) for row in rows]


def _first(rows: list[Row], **changes: Any) -> list[Row]:
    return [rows[0]._replace(**changes), *rows[1:]] if rows else rows


def _days(rows: list[Row], days: float) -> list[Row]:
    at = datetime.now(UTC) + timedelta(days=days)
    return _all(rows, timestamp=at.isoformat(timespec="microseconds"))


ROWS: Mapping[str, Callable[[list[Row], float], list[Row]]] = {
    "few": lambda rows, count: rows[: int(count)],
    "not_saved": lambda _rows, _: [],
    "doubled": lambda rows, _: [*rows, *rows],
    "no_name": lambda rows, _: _first(rows, name=""),
    "no_score": lambda rows, _: _all(rows, score=None),
    "wild_score": lambda rows, score: _first(rows, score=score),
    "no_time": lambda rows, _: _all(rows, timestamp=""),
    "future_time": lambda rows, days: _days(rows, days),
    "stale": lambda rows, days: _days(rows, -days),
    "markup": lambda rows, _: [row._replace(name=f"<b>{row.name}</b>&nbsp;") for row in rows],
}
