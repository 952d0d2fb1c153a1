"""The schemas of the three databases, as steps from each version to the next.

A file's version is its ``user_version``. Files of the first edition have tables and version 0: they
count as version 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["IMAGES", "METRICS", "SCHEMAS", "TRENDS", "Schema"]


@dataclass(frozen=True, kw_only=True)
class Schema:
    """A database: its file, the table that shows the first edition, and its steps."""

    file: str
    first_table: str
    steps: Sequence[Sequence[str]]
    """The statements from version n to n + 1; the first makes an empty file version 1."""

    @property
    def version(self) -> int:
        """The newest version."""
        return len(self.steps)


TRENDS = Schema(
    file="trends.db",
    first_table="trends",
    steps=[
        [
            """CREATE TABLE trends (id INTEGER PRIMARY KEY, name TEXT NOT NULL, score REAL,
               timestamp TEXT NOT NULL, source TEXT NOT NULL DEFAULT '')""",
        ],
        [  # The first edition doubled a trend at each fetch.
            """DELETE FROM trends WHERE id NOT IN
               (SELECT MAX(id) FROM trends GROUP BY name, source)""",
            "CREATE UNIQUE INDEX trends_once ON trends (name, source)",
        ],
        [
            "ALTER TABLE trends ADD COLUMN url TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE trends ADD COLUMN used_flag INTEGER NOT NULL DEFAULT 0",
            "CREATE INDEX trends_by_time ON trends (timestamp)",
        ],
    ],
)
METRICS = Schema(
    file="metrics.db",
    first_table="generation_metrics",
    steps=[
        [
            """CREATE TABLE generation_metrics (id INTEGER PRIMARY KEY, episode TEXT NOT NULL,
               stage TEXT NOT NULL, duration_seconds REAL NOT NULL, timestamp TEXT NOT NULL)""",
        ],
        [
            """DELETE FROM generation_metrics WHERE id NOT IN
               (SELECT MAX(id) FROM generation_metrics GROUP BY episode, stage)""",
            "CREATE UNIQUE INDEX metrics_once ON generation_metrics (episode, stage)",
            "ALTER TABLE generation_metrics ADD COLUMN status TEXT NOT NULL DEFAULT 'ok'",
            "ALTER TABLE generation_metrics ADD COLUMN items INTEGER NOT NULL DEFAULT 0",
        ],
        [
            """CREATE TABLE episodes (episode TEXT PRIMARY KEY, status TEXT NOT NULL,
               script_hash TEXT NOT NULL, video_path TEXT NOT NULL, seconds REAL NOT NULL,
               generated_at TEXT NOT NULL, post_id TEXT NOT NULL DEFAULT '')""",
        ],
    ],
)
IMAGES = Schema(
    file="image_library.db",
    first_table="image_library",
    steps=[
        [
            """CREATE TABLE image_library (id INTEGER PRIMARY KEY,
               character TEXT NOT NULL CHECK (character = lower(character)), emotion TEXT NOT NULL,
               pose TEXT NOT NULL DEFAULT '', file_path TEXT NOT NULL UNIQUE,
               source TEXT NOT NULL DEFAULT 'drawn', quality_score REAL NOT NULL DEFAULT 1.0,
               usage_count INTEGER NOT NULL DEFAULT 0, last_used_at TEXT)""",
        ],
        [
            """CREATE TABLE image_usage (id INTEGER PRIMARY KEY,
               image_id INTEGER NOT NULL REFERENCES image_library (id), episode TEXT NOT NULL,
               line_index INTEGER NOT NULL, used_at TEXT NOT NULL, UNIQUE (episode, line_index))""",
            "CREATE INDEX images_by_mood ON image_library (character, emotion)",
        ],
    ],
)
SCHEMAS = (TRENDS, METRICS, IMAGES)
