"""Judge fetched trends: enough of them, saved, each with a name, a score and a time."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from proofbook_systems.pipeline.artefacts import Trend
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.tables import Rows

__all__ = ["judge_trends", "read_time", "trends_of"]

_TIME_ZONES = timedelta(hours=26)
"""A time without a zone may be a day ahead."""
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|&(?:[a-z]{2,8}|#\d+);")
_FAR_OUT, _FEWEST_SHARES = 100.0, 3
_MILLISECONDS = 1e11
"""A number of seconds since the epoch that is larger is one of milliseconds."""


def trends_of(rows: Rows) -> list[Trend]:
    """Return the rows as trends."""
    return [
        Trend(
            name=str(rows.value(row, "trend.name") or "").strip(),
            score=_number(rows.value(row, "trend.score")),
            at=str(rows.value(row, "trend.at") or ""),
            source=str(rows.value(row, "trend.source") or ""),
        )
        for row in rows
    ]


def judge_trends(
    before: Iterable[Mapping[str, Any]],
    rows: Rows,
    *,
    least: int,
    days: float,
    now: datetime,
    scores: Sequence[float] = (),
    unknown: str = "",
) -> list[Finding]:
    """Judge the table of trends after a fetch.

    Args:
        before: Its rows before the fetch.
        rows: Its rows after it.
        least: How many must have been fetched.
        days: How old a trend may be.
        now: The time.
        scores: The least and the highest score that there may be; empty where no bound is known.
        unknown: Why its rows before the fetch are not known.
    """
    known = {_fingerprint(row) for row in before}
    written = Rows(
        rows.table, rows.columns, (row for row in rows if _fingerprint(row) not in known)
    )
    trends = trends_of(written)
    oldest = now - timedelta(days=days) - _TIME_ZONES
    usable = [t for t in trends if not _time_fault(t, oldest, now) and t.name]
    untried = unknown or ("" if trends or not rows else _unchanged(rows))
    return [
        finding(
            "trends-saved", _too_few(usable, trends, least, rows.table), untried=untried,
            why="a script about nothing that people talk about reaches nobody",
        ),
        finding(
            "trends-valid",
            [*_invalid(trends, written, oldest, now), *_out_of_range(trends, scores)],
            untried=untried,
            why="a topic without name, score or time cannot be ranked, and is never dropped",
        ),
        finding(
            "trends-not-doubled", _doubled(trends), untried=untried,
            why="a topic that is there twice is told twice",
        ),
    ]  # fmt: skip


def read_time(text: str) -> datetime | None:
    """Return a time as databases write it, ISO 8601 or since the epoch; None where it is none."""
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        seconds = number / 1000 if number > _MILLISECONDS else number
        return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < _MILLISECONDS else None
    try:
        time = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _unchanged(rows: Rows) -> str:
    return (
        f"the fetch changed none of the {len(rows)} rows that {rows.table} had; begin with an "
        "empty table to see what it saves"
    )


def _too_few(usable: list[Trend], trends: list[Trend], least: int, table: str) -> list[str]:
    if len(usable) >= least:
        return []
    more = f", {len(trends)} with those that are not valid" if len(trends) > len(usable) else ""
    return [f"{len(usable)} trends were saved in {table}{more}; at least {least} are expected"]


def _invalid(trends: list[Trend], rows: Rows, oldest: datetime, now: datetime) -> list[str]:
    lacking = [c for c in ("trend.name", "trend.score", "trend.at") if c not in rows.columns]
    faults = [f"{rows.table} has no column for {c.partition('.')[2]}" for c in lacking]
    for place, trend in enumerate(trends, 1):
        called = repr(trend.name) if trend.name else f"trend {place}"
        if not trend.name and "trend.name" not in lacking:
            faults.append(f"trend {place} has no name")
        if found := _MARKUP.search(trend.name):
            faults.append(f"{called} holds {found.group()!r}: the markup of a page, not a topic")
        if trend.score is None and "trend.score" not in lacking:
            faults.append(f"{called} has no score that is a number")
        if "trend.at" not in lacking and (fault := _time_fault(trend, oldest, now)):
            faults.append(f"{called} {fault}")
    return faults


def _out_of_range(trends: list[Trend], scores: Sequence[float]) -> list[str]:
    """Return scores out of the range that was given, or that all others keep to.

    Counts and growth have no bound, and one may be a hundred times the others. What all others show
    as shares of one, with fractions, is a scale.
    """
    known = [(t.name, t.score) for t in trends if t.score is not None]
    if scores:
        least, most = scores
        return [
            f"{name!r} has the score {score:g}; scores go from {least:g} to {most:g}"
            for name, score in known
            if not least <= score <= most
        ]
    shares = [score for _, score in known if 0 <= score <= 1]
    wild = [(name, score) for name, score in known if abs(score) > _FAR_OUT]
    is_scale = len({x for x in shares if x % 1}) >= _FEWEST_SHARES
    if not wild or not is_scale or len(wild) + len(shares) < len(known) or len(wild) > 1:
        return []
    (name, score), highest = wild[0], max(shares)
    return [f"{name!r} has the score {score:g}, all {len(shares)} others lie in 0 to {highest:g}"]


def _time_fault(trend: Trend, oldest: datetime, now: datetime) -> str:
    time = read_time(trend.at)
    if time is None:
        return f"has the time {trend.at!r}, which is none"
    if time > now + _TIME_ZONES:
        return f"is of {time:%Y-%m-%d %H:%M}, which is still to come"
    if time < oldest:
        return f"is of {time:%Y-%m-%d %H:%M}, which is older than was asked for"
    return ""


def _doubled(trends: list[Trend]) -> list[str]:
    times = Counter((t.name.casefold(), t.source.casefold()) for t in trends if t.name)
    return [
        f"{name!r}{f' of {source}' if source else ''} was saved {count} times"
        for (name, source), count in times.items()
        if count > 1
    ]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _fingerprint(row: Mapping[str, Any]) -> str:
    return repr(sorted((key, repr(value)) for key, value in row.items()))
