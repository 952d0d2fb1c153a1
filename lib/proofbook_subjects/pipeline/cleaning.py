"""Remove what an episode has left, its files and its rows; nothing of any other episode."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from proofbook_subjects.pipeline.commands import run_command, tell
from proofbook_subjects.pipeline.databases import open_database, transaction
from proofbook_subjects.pipeline.errors import InputError
from proofbook_subjects.pipeline.metrics import video_of
from proofbook_subjects.pipeline.paths import check_episode
from proofbook_subjects.pipeline.schemas import IMAGES, METRICS
from proofbook_subjects.pipeline.settings import Project
from proofbook_subjects.pipeline.storing import read_json

__all__ = ["clean_up", "main"]

_LESS = """
UPDATE image_library SET usage_count = usage_count - (SELECT COUNT(*) FROM image_usage
WHERE image_id = image_library.id AND episode = ?)
"""


def main(root: Path, argv: Sequence[str] | None = None) -> int:
    """Run ``clean_up.py`` and return its exit code."""
    return run_command(root, _work, _declare, stage="cleanup", about=__doc__, argv=argv)


def clean_up(project: Project, episode: str) -> list[Path]:
    """Remove an episode, and return the files and folders that went."""
    paths = [path for path in _paths(project, episode) if path.exists()]
    if project.faults.has("cleanup", "leaves_files"):
        paths = [path for path in paths if path.suffix == ".mp4"]
    if project.faults.has("cleanup", "takes_all"):
        paths += [path for path in (project.root / "data" / "audio").iterdir() if path.is_dir()]
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    with open_database(project, IMAGES) as connection, transaction(connection):
        connection.execute(_LESS, [episode])
        connection.execute("DELETE FROM image_usage WHERE episode = ?", [episode])
    with open_database(project, METRICS) as connection, transaction(connection):
        connection.execute("DELETE FROM generation_metrics WHERE episode = ?", [episode])
        connection.execute("DELETE FROM episodes WHERE episode = ?", [episode])
    return paths


def _paths(project: Project, episode: str) -> list[Path]:
    """Return where an episode's artefacts may be, and where they are said to be."""
    data = project.root / "data"
    found = [
        data / "audio" / episode,
        data / "scripts" / f"{episode}.json",
        data / "test" / f"{episode}.json",
        data / "selections" / f"{episode}.json",
        data / "final_videos" / f"{episode}.mp4",
        *data.glob(f"*/.{episode}.lock"),
    ]
    if video := video_of(project, episode):
        found.append(project.sandbox.resolve(video, "the episode's video"))
    shared = data / "image_selections.json"
    if shared.is_file() and _is_of(shared, episode):
        found.append(shared)
    return found


def _is_of(path: Path, episode: str) -> bool:
    try:
        return read_json(path, "selection").get("episode") == episode
    except InputError:
        return False  # what cannot be read is nobody's


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--episode", required=True)


def _work(project: Project, options: argparse.Namespace) -> None:
    episode = check_episode(options.episode)
    gone = clean_up(project, episode)
    for path in gone:
        tell(f"removed {project.relative(path)}")
    tell(f"{len(gone)} files and folders of episode {episode} removed")
