"""Step 2: fetch topics from a feed and keep them, each once."""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from proofbook_subjects.pipeline.commands import positive, run_command, tell
from proofbook_subjects.pipeline.databases import open_database, transaction
from proofbook_subjects.pipeline.errors import InputError, PipelineError, SettingsError
from proofbook_subjects.pipeline.faults import Faults
from proofbook_subjects.pipeline.feeds import Topic, parse_feed
from proofbook_subjects.pipeline.schemas import TRENDS
from proofbook_subjects.pipeline.settings import Project
from proofbook_subjects.pipeline.spoiling.trends import Row, forget_uniqueness, spoil_rows

__all__ = ["fetch_trends", "main", "recent_trends"]

_LARGEST = 5_000_000
_INSERT = """
INSERT INTO trends (name, score, timestamp, source, url) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (name, source) DO UPDATE SET score = excluded.score, timestamp = excluded.timestamp,
url = excluded.url
"""
_INSERT_ANYWAY = "INSERT INTO trends (name, score, timestamp, source, url) VALUES (?, ?, ?, ?, ?)"
_RECENT = """
SELECT name FROM trends WHERE timestamp >= ? GROUP BY name
ORDER BY MAX(score) DESC, name LIMIT ?
"""


def main(root: Path, argv: Sequence[str] | None = None) -> int:
    """Run ``fetch_trends.py`` and return its exit code."""
    return run_command(root, _work, _declare, stage="trends", about=__doc__, argv=argv)


def fetch_trends(project: Project, feed: str, *, days: int, limit: int) -> int:
    """Keep the topics of the last days and return how many there were.

    Raises:
        PipelineError: The feed cannot be read, or has no topic of these days.
    """
    if not feed:
        raise SettingsError("no feed: give --feed FILE or URL, or set TREND_FEED")
    read_at = datetime.now(UTC)
    topics = parse_feed(_read(project, feed), feed, read_at)
    if not topics:
        raise PipelineError(f"feed {feed} has no topics; nothing was changed")
    since = read_at - timedelta(days=days)
    recent = [topic for topic in topics if since <= topic.at <= read_at + timedelta(days=1)]
    if not recent:
        raise PipelineError(
            f"feed {feed} has {len(topics)} topics, none of the last {days} days: try more --days"
        )
    rows = [_row(topic, _source(feed)) for topic in recent[:limit]]
    spoilt = spoil_rows(project.faults, rows)
    with open_database(project, TRENDS) as connection:
        _keep(connection, spoilt, keyless=_is_keyless(project.faults))
    return len(rows)


def recent_trends(project: Project, *, days: int, limit: int) -> list[str]:
    """Return the names of the topics of the last days, the highest score first."""
    since = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="microseconds")
    with open_database(project, TRENDS) as connection:
        return [row["name"] for row in connection.execute(_RECENT, [since, limit])]


def _keep(connection: sqlite3.Connection, rows: Sequence[Row], *, keyless: bool) -> None:
    with transaction(connection):
        if keyless:
            forget_uniqueness(connection)
        connection.executemany(_INSERT_ANYWAY if keyless else _INSERT, rows)


def _is_keyless(faults: Faults) -> bool:
    return faults.has("trends", "doubled") or faults.has("init", "no_unique_key")


def _row(topic: Topic, source: str) -> Row:
    at = topic.at.isoformat(timespec="microseconds")
    return Row(name=topic.name, score=topic.score, timestamp=at, source=source, url=topic.url)


def _read(project: Project, feed: str) -> bytes:
    if feed.startswith(("http://", "https://")):
        from proofbook_subjects.pipeline.calling import fetch

        return fetch(feed, project, largest=_LARGEST)
    path = project.sandbox.existing(feed, "feed")
    if path.stat().st_size > _LARGEST:
        raise InputError(f"feed {feed} is larger than {_LARGEST // 1_000_000} MB")
    return path.read_bytes()


def _source(feed: str) -> str:
    return feed.split("?", 1)[0] if "://" in feed else Path(feed).name


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=positive, default=7, help="how old a topic may be")
    parser.add_argument("--limit", type=positive, default=10, help="how many to keep")
    parser.add_argument("--feed", default="", help="file or URL; by default TREND_FEED")


def _work(project: Project, options: argparse.Namespace) -> None:
    feed = options.feed or project.text("TREND_FEED")
    count = fetch_trends(project, feed, days=options.days, limit=options.limit)
    tell(f"{count} trends kept from {feed}")
