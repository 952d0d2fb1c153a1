"""Faults of the metrics: each changes a row before it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from proofbook_subjects.pipeline.faults import Faults

__all__ = ["ROWS", "MetricsRow", "spoil_metrics"]


class MetricsRow(NamedTuple):
    """A row of the table of metrics."""

    episode: str
    stage: str
    seconds: float
    at: str
    status: str
    items: int


def spoil_metrics(faults: Faults, row: MetricsRow) -> list[MetricsRow]:
    """Return the rows that are written instead of one."""
    rows = [row]
    for kind in faults.of("metrics"):
        if kind in ROWS:
            rows = ROWS[kind](rows)
    return rows


def _all(rows: list[MetricsRow], **changes: Any) -> list[MetricsRow]:
    return [row._replace(**changes) for row in rows]


ROWS: Mapping[str, Callable[[list[MetricsRow]], list[MetricsRow]]] = {
    "no_row": lambda _rows: [],
    "doubled": lambda rows: [*rows, *rows],
    "zero_duration": lambda rows: _all(rows, seconds=0.0),
    "negative_duration": lambda rows: _all(rows, seconds=-1.0),
    "no_time": lambda rows: _all(rows, at=""),
    "other_episode": lambda rows: _all(rows, episode="another"),
}
