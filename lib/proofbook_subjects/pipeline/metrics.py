"""Record how long each stage of an episode took, and which episodes are done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from proofbook_subjects.pipeline.databases import now, open_database, transaction
from proofbook_subjects.pipeline.schemas import METRICS
from proofbook_subjects.pipeline.settings import Project
from proofbook_subjects.pipeline.spoiling.metrics import MetricsRow, spoil_metrics

__all__ = ["Stage", "mark_generated", "mark_posted", "measured", "video_of"]

_INSERT = """
INSERT INTO generation_metrics (episode, stage, duration_seconds, timestamp, status, items)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (episode, stage) DO UPDATE SET
duration_seconds = excluded.duration_seconds, timestamp = excluded.timestamp,
status = excluded.status, items = excluded.items
"""
_INSERT_ANYWAY = _INSERT.partition("ON CONFLICT")[0]
_GENERATED = """
INSERT INTO episodes (episode, status, script_hash, video_path, seconds, generated_at)
VALUES (?, 'generated', ?, ?, ?, ?) ON CONFLICT (episode) DO UPDATE SET status = 'generated',
script_hash = excluded.script_hash, video_path = excluded.video_path, seconds = excluded.seconds,
generated_at = excluded.generated_at
"""


@dataclass
class Stage:
    """What a running stage has done so far."""

    items: int = 0


@contextmanager
def measured(project: Project, episode: str, stage: str) -> Iterator[Stage]:
    """Record a stage when it ends, also as failed; the time is the stage's own.

    A failure to record does not hide the failure that is recorded.
    """
    begun, work = time.monotonic(), Stage()
    try:
        yield work
    except Exception as error:
        try:
            _record(project, episode, stage, "failed", begun, work.items)
        except Exception as second:  # noqa: BLE001 - the first error is the one to tell
            error.add_note(f"and it could not be recorded: {second}")
        raise
    _record(project, episode, stage, "ok", begun, work.items)


def mark_generated(
    project: Project, episode: str, *, script_hash: str, video: str, seconds: float
) -> None:
    """Mark an episode as generated."""
    if project.faults.has("metrics", "not_marked"):
        return
    if project.faults.has("metrics", "other_video"):
        video = "data/final_videos/another.mp4"
    with open_database(project, METRICS) as connection, transaction(connection):
        connection.execute(_GENERATED, [episode, script_hash, video, seconds, now()])


def mark_posted(project: Project, video: str, post: str) -> bool:
    """Note the post of the episode that a video belongs to; False where it belongs to none."""
    with open_database(project, METRICS) as connection, transaction(connection):
        done = connection.execute(
            "UPDATE episodes SET status = 'posted', post_id = ? WHERE video_path = ?", [post, video]
        )
        return done.rowcount > 0


def video_of(project: Project, episode: str) -> str:
    """Return the video that an episode is marked with; empty where there is none."""
    with open_database(project, METRICS) as connection:
        query = "SELECT video_path FROM episodes WHERE episode = ?"
        row = connection.execute(query, [episode]).fetchone()
    return str(row["video_path"]) if row else ""


def _record(
    project: Project, episode: str, stage: str, status: str, begun: float, items: int
) -> None:
    row = MetricsRow(
        episode=episode, stage=stage, seconds=time.monotonic() - begun, at=now(), status=status,
        items=items,
    )  # fmt: skip
    rows = spoil_metrics(project.faults, row)
    keyless = len(rows) > 1 or project.faults.has("init", "no_unique_key")
    with open_database(project, METRICS) as connection, transaction(connection):
        if keyless:
            connection.execute("DROP INDEX IF EXISTS metrics_once")
        connection.executemany(_INSERT_ANYWAY if keyless else _INSERT, rows)
