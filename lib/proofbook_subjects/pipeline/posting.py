"""Post a reel: make a container, wait until it is ready, publish it; or a dry run of all checks.

What was made is written down before the next step: a run that was killed goes on with the same
container, and a reel that is posted is not posted again.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.commands import run_command, tell
from proofbook_subjects.pipeline.endpoints import find_endpoint
from proofbook_subjects.pipeline.errors import PipelineError, ServiceError, SettingsError
from proofbook_subjects.pipeline.graph import Graph
from proofbook_subjects.pipeline.limits import check_caption, check_reel
from proofbook_subjects.pipeline.metrics import mark_posted
from proofbook_subjects.pipeline.settings import Project
from proofbook_subjects.pipeline.storing import episode_lock, read_json, write_json

__all__ = ["main", "post_reel"]

_PATIENCE, _POLL = 300.0, 2.0


def main(root: Path, argv: Sequence[str] | None = None) -> int:
    """Run ``post_instagram.py`` and return its exit code."""
    return run_command(root, _work, _declare, stage="post", about=__doc__, argv=argv)


def post_reel(project: Project, path: Path, caption: str) -> str:
    """Post a reel that was checked, and return the post's id.

    Raises:
        PipelineError: It could not be posted; a later run goes on where this one stopped.
    """
    endpoint, user = find_endpoint(project, "INSTAGRAM"), project.text("INSTAGRAM_USER_ID")
    if endpoint is None:
        raise SettingsError("INSTAGRAM_BASE_URL is not set: nothing can be posted; try --dry-run")
    if not user:
        raise SettingsError("INSTAGRAM_USER_ID is not set, and posting needs it")
    sleep = _no_sleep if project.faults.has("post", "impatient") else time.sleep
    name = hashlib.sha256(path.read_bytes() + caption.encode()).hexdigest()[:16]
    record = project.root / "data" / "posts" / f"{name}.json"
    with episode_lock(record.parent, name):
        kept = read_json(record, "record of a post") if record.is_file() else {}
        if post := str(kept.get("post_id", "")):
            tell(f"{project.relative(path)} was posted before, as {post}")
            return post
        graph = Graph(project, endpoint, user, sleep=sleep)
        container = _container(graph, record, kept, path, caption)
        if not project.faults.has("post", "too_soon"):
            _await(project, graph, record, container, sleep)
        post = graph.publish(container)
        write_json(record, {"container": container, "post_id": post})
        if project.faults.has("post", "twice"):
            _publish_again(graph, path, caption, project, record, sleep)
    mark_posted(project, project.relative(path), post)
    return post


def _container(graph: Graph, record: Path, kept: dict[str, Any], path: Path, caption: str) -> str:
    """Return the container of this reel: an earlier run's if it still is there, else a new one."""
    if container := str(kept.get("container", "")):
        return container
    if graph.room() < 1:
        raise ServiceError("the limit of posts of a day is reached: run this again tomorrow")
    container = graph.create(caption)
    graph.upload(container, path)
    write_json(record, {"container": container})
    return container


def _await(
    project: Project, graph: Graph, record: Path, container: str, sleep: Callable[[float], None]
) -> None:
    """Wait until a container is ready.

    Raises:
        ServiceError: It failed, or is not ready in time.
    """
    poll = project.number("INSTAGRAM_POLL_SECONDS", _POLL)
    deadline = time.monotonic() + project.number("INSTAGRAM_PATIENCE", _PATIENCE)
    while (status := graph.status(container)) not in ("FINISHED", "PUBLISHED"):
        if status in ("ERROR", "EXPIRED"):
            record.unlink(missing_ok=True)
            raise ServiceError(f"container {container} is {status}: the reel was not taken")
        if time.monotonic() > deadline:
            raise ServiceError(f"container {container} is still {status}: run this again later")
        sleep(poll)


def _publish_again(
    graph: Graph, path: Path, caption: str, project: Project, record: Path,
    sleep: Callable[[float], None],
) -> None:  # fmt: skip
    container = graph.create(caption)
    graph.upload(container, path)
    _await(project, graph, record, container, sleep)
    graph.publish(container)


def _no_sleep(_seconds: float) -> None:
    """Wait for nothing."""


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", help="the reel's file")
    parser.add_argument("--caption", required=True)
    parser.add_argument("--dry-run", action="store_true", help="check everything, send nothing")


def _work(project: Project, options: argparse.Namespace) -> None:
    faults = project.faults
    path = project.sandbox.existing(options.video, "video")
    if not faults.has("post", "takes_long_caption"):
        check_caption(options.caption)
    seconds = 0.0 if faults.has("post", "takes_text") else check_reel(path)
    if options.dry_run and not faults.has("post", "dry_run_sends"):
        tell(f"dry run: {project.relative(path)}, {seconds:.1f} s, would be posted")
        return
    try:
        post = post_reel(project, path, options.caption)
    except PipelineError:
        if not faults.has("post", "deaf_to_errors"):
            raise
        post = "unknown"
    tell("posted" if faults.has("post", "no_id") else f"posted as {post}")
