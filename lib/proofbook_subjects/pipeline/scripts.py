"""Step 3: write an episode's script from recent topics."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from proofbook_subjects.pipeline.commands import positive, run_command, tell
from proofbook_subjects.pipeline.databases import now, open_database, transaction
from proofbook_subjects.pipeline.documents import Script, check_lines, script_document
from proofbook_subjects.pipeline.errors import InputError, PipelineError
from proofbook_subjects.pipeline.metrics import measured
from proofbook_subjects.pipeline.paths import check_episode
from proofbook_subjects.pipeline.schemas import TRENDS
from proofbook_subjects.pipeline.settings import CHARACTERS, Project
from proofbook_subjects.pipeline.spoiling.script import spoil_file, spoil_script
from proofbook_subjects.pipeline.storing import episode_lock, write_json
from proofbook_subjects.pipeline.trends import recent_trends
from proofbook_subjects.pipeline.writers import write_script

__all__ = ["generate_script", "main"]

_TOPICS = 3
_MOST_LINES = 200


def main(root: Path, argv: Sequence[str] | None = None) -> int:
    """Run ``generate_script.py`` and return its exit code."""
    return run_command(root, _work, _declare, stage="script", about=__doc__, argv=argv)


def generate_script(
    project: Project, path: Path, *, episode: str, topics: Sequence[str], lines: int
) -> Script:
    """Write the script of an episode about topics, and return it.

    Raises:
        PipelineError: The writer failed, or wrote no dialogue.
    """
    locks = project.root / "data" / "scripts"
    with episode_lock(locks, episode), measured(project, episode, "script") as stage:
        found, writer = write_script(project, episode, topics, lines)
        checked = check_lines(found, f"the script that {writer} wrote")
        script = Script(
            episode=episode,
            lines=checked,
            metadata={
                "created_at": now(), "topics": list(topics), "characters": list(CHARACTERS),
                "writer": writer,
            },
        )  # fmt: skip
        write_json(path, spoil_script(project.faults, script_document(script)))
        spoil_file(project.faults, path)
        stage.items = len(checked)
        _mark_used(project, topics)
    return script


def _mark_used(project: Project, topics: Sequence[str]) -> None:
    with open_database(project, TRENDS) as connection, transaction(connection):
        connection.executemany(
            "UPDATE trends SET used_flag = 1 WHERE name = ?", [[name] for name in topics]
        )


def _declare(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--from-trends", action="store_true", help="about recent trends")
    source.add_argument("--topic", action="append", default=[], help="about this; may be repeated")
    parser.add_argument("--days", type=positive, default=3, help="how old a trend may be")
    parser.add_argument("--output", required=True, help="the script's file, in the project")
    parser.add_argument("--episode", default="", help="its id; by default the file's name")
    parser.add_argument("--lines", type=positive, default=6, help="how many lines")


def _work(project: Project, options: argparse.Namespace) -> None:
    path = project.sandbox.resolve(options.output, "--output", ".json")
    episode = check_episode(options.episode or path.stem)
    if not 2 <= options.lines <= _MOST_LINES:
        raise InputError(f"--lines {options.lines}: a dialogue has 2 to {_MOST_LINES}")
    topics = options.topic or recent_trends(project, days=options.days, limit=_TOPICS)
    topics = [" ".join(topic.split()) for topic in topics if topic.strip()]
    if not topics:
        raise PipelineError(
            f"there are no trends of the last {options.days} days: run fetch_trends.py, "
            "or give more --days"
        )
    script = generate_script(project, path, episode=episode, topics=topics, lines=options.lines)
    tell(f"{len(script.lines)} lines about {', '.join(topics)} in {project.relative(path)}")
    tell(f"writer: {script.metadata['writer']}")
