"""Produce an episode: all stages in turn; what an earlier run has finished is kept."""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook_subjects.pipeline.audio import generate_audio
from proofbook_subjects.pipeline.commands import positive, run_command, tell
from proofbook_subjects.pipeline.databases import open_database
from proofbook_subjects.pipeline.documents import Script, read_script
from proofbook_subjects.pipeline.errors import PipelineError
from proofbook_subjects.pipeline.images import select_images
from proofbook_subjects.pipeline.library import register_images
from proofbook_subjects.pipeline.paths import check_episode
from proofbook_subjects.pipeline.schemas import METRICS
from proofbook_subjects.pipeline.scripts import generate_script
from proofbook_subjects.pipeline.settings import Project
from proofbook_subjects.pipeline.timelines import read_plan
from proofbook_subjects.pipeline.trends import fetch_trends, recent_trends
from proofbook_subjects.pipeline.video import assemble_video

__all__ = ["Files", "files_of", "main", "produce"]

_DAYS, _LIMIT, _TOPICS = 7, 10, 3


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where an episode's artefacts are."""

    script: Path
    selections: Path
    timeline: Path
    video: Path


def main(root: Path, argv: Sequence[str] | None = None) -> int:
    """Run ``produce.py`` and return its exit code."""
    return run_command(root, _work, _declare, stage="produce", about=__doc__, argv=argv)


def files_of(project: Project, episode: str) -> Files:
    """Return where an episode's artefacts are."""
    data = project.root / "data"
    return Files(
        script=data / "scripts" / f"{episode}.json",
        selections=data / "selections" / f"{episode}.json",
        timeline=data / "audio" / episode / "timeline.json",
        video=data / "final_videos" / f"{episode}.mp4",
    )


def produce(project: Project, episode: str, *, lines: int, workers: int) -> Path:
    """Produce an episode and return its video.

    Raises:
        PipelineError: A stage failed; what was finished before is kept.
    """
    files = files_of(project, episode)
    script = _script(project, episode, files.script, lines)
    if files.video.is_file() and _is_generated(project, script):
        return files.video
    timeline = generate_audio(project, script, workers=workers)
    select_images(project, script, files.selections, batch=True)
    plan = read_plan(project, timeline, files.selections)
    assemble_video(project, plan, files.video)
    return files.video


def _script(project: Project, episode: str, path: Path, lines: int) -> Script:
    if path.is_file():
        tell(f"script kept: {project.relative(path)}")
        return read_script(path)
    register_images(project)
    topics = recent_trends(project, days=_DAYS, limit=_TOPICS)
    if not topics:
        fetch_trends(project, project.text("TREND_FEED"), days=_DAYS, limit=_LIMIT)
        topics = recent_trends(project, days=_DAYS, limit=_TOPICS)
    if not topics:
        raise PipelineError(f"there are no trends of the last {_DAYS} days")
    return generate_script(project, path, episode=episode, topics=topics, lines=lines)


def _is_generated(project: Project, script: Script) -> bool:
    query = "SELECT script_hash FROM episodes WHERE episode = ? AND status != 'failed'"
    with open_database(project, METRICS) as connection:
        row: sqlite3.Row | None = connection.execute(query, [script.episode]).fetchone()
    return row is not None and row["script_hash"] == script.hash


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--episode", required=True, type=str, help="its id")
    parser.add_argument("--lines", type=positive, default=6)
    parser.add_argument("--workers", type=positive, default=2, help="lines spoken at once")


def _work(project: Project, options: argparse.Namespace) -> None:
    episode = check_episode(options.episode)
    video = produce(project, episode, lines=options.lines, workers=min(options.workers, 32))
    tell(f"video in {project.relative(video)}")
