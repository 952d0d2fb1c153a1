"""Step 5: select an image for each line, the least used one of its character and emotion first."""

from __future__ import annotations

import argparse
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.characters import fill_library, is_generating
from proofbook_subjects.pipeline.commands import run_command, tell
from proofbook_subjects.pipeline.databases import now, open_database, transaction
from proofbook_subjects.pipeline.documents import Line, Script, read_script
from proofbook_subjects.pipeline.errors import MediaError
from proofbook_subjects.pipeline.metrics import measured
from proofbook_subjects.pipeline.schemas import IMAGES
from proofbook_subjects.pipeline.settings import Project
from proofbook_subjects.pipeline.spoiling.images import spoil_selection
from proofbook_subjects.pipeline.storing import write_json

__all__ = ["main", "select_images"]

_ONE = """
SELECT id, character, emotion, file_path, usage_count FROM image_library
WHERE character = ? AND emotion = ? ORDER BY file_path
"""
_ALL = "SELECT id, character, emotion, file_path, usage_count FROM image_library ORDER BY file_path"
_OWN = "SELECT image_id FROM image_usage WHERE episode = ?"


def main(root: Path, argv: Sequence[str] | None = None) -> int:
    """Run ``select_images.py`` and return its exit code."""
    return run_command(root, _work, _declare, stage="images", about=__doc__, argv=argv)


@dataclass(frozen=True, kw_only=True)
class _Choice:
    line: Line
    image: int
    path: str


def select_images(
    project: Project, script: Script, path: Path, *, batch: bool = False, generate: bool = False
) -> None:
    """Write the selection for a script, and count what it uses; again is the same again.

    Args:
        project: Whose library.
        script: Whose lines.
        path: Of the selections.
        batch: With one query for all lines, instead of one a line.
        generate: An image where the library has none, as IMAGE_SOURCE=generate does.

    Raises:
        MediaError: There is no image for a line, or its file is gone.
        PipelineError: One cannot be generated.
    """
    with measured(project, script.episode, "images") as stage:
        if generate or is_generating(project):
            fill_library(project, script)
        _select(project, script, path, batch)
        stage.items = len(script.lines)


def _select(project: Project, script: Script, path: Path, batch: bool) -> None:
    with (
        open_database(project, IMAGES) as connection,
        transaction(connection),
    ):
        own = Counter(row["image_id"] for row in connection.execute(_OWN, [script.episode]))
        library = _grouped(connection.execute(_ALL)) if batch else {}
        choices: list[_Choice] = []
        for line in script.lines:
            mood = (line.character.lower(), line.emotion)
            rows = library.get(mood, []) if batch else list(connection.execute(_ONE, mood))
            choices.append(_choose(project, line, rows, own, choices))
        _count(project, connection, script.episode, choices)
        document = _document(script, choices)
        write_json(path, spoil_selection(project.faults, document, project.root, batch))


def _grouped(rows: Iterable[sqlite3.Row]) -> dict[tuple[str, str], list[sqlite3.Row]]:
    groups: dict[tuple[str, str], list[sqlite3.Row]] = {}
    for row in rows:
        groups.setdefault((row["character"], row["emotion"]), []).append(row)
    return groups


def _choose(
    project: Project,
    line: Line,
    rows: Sequence[sqlite3.Row],
    own: Counter[int],
    earlier: Sequence[_Choice],
) -> _Choice:
    """Return the image that was used least, without what this episode has used in an earlier go."""
    if not rows:
        raise MediaError(
            f"line {line.number}: the library has no image of {line.character}, {line.emotion}; "
            "put one into data/images and run init_databases.py, or generate it: --generate"
        )
    now_used = Counter(choice.image for choice in earlier)
    best = min(rows, key=lambda row: row["usage_count"] - own[row["id"]] + now_used[row["id"]])
    if not (project.root / best["file_path"]).is_file():
        raise MediaError(f"line {line.number}: image {best['file_path']} is gone")
    return _Choice(line=line, image=best["id"], path=best["file_path"])


def _count(
    project: Project, connection: sqlite3.Connection, episode: str, choices: Sequence[_Choice]
) -> None:
    """Replace what an earlier go of this episode has counted."""
    if project.faults.has("images", "not_counted"):
        return
    times, at = 1 + project.faults.has("images", "counted_twice"), now()
    less = Counter(row["image_id"] for row in connection.execute(_OWN, [episode]))
    more = Counter(choice.image for choice in choices)
    connection.execute("DELETE FROM image_usage WHERE episode = ?", [episode])
    connection.executemany(
        "INSERT INTO image_usage (image_id, episode, line_index, used_at) VALUES (?, ?, ?, ?)",
        [(choice.image, episode, choice.line.number, at) for choice in choices],
    )
    connection.executemany(
        "UPDATE image_library SET usage_count = usage_count + ? WHERE id = ?",
        [(times * (more[image] - less[image]), image) for image in more | less],
    )
    connection.executemany(
        "UPDATE image_library SET last_used_at = ? WHERE id = ?", [(at, image) for image in more]
    )


def _document(script: Script, choices: Sequence[_Choice]) -> dict[str, Any]:
    return {
        "episode": script.episode,
        "script_hash": script.hash,
        "selections": [
            {
                "line_index": choice.line.number, "character": choice.line.character,
                "emotion": choice.line.emotion, "image_path": choice.path, "found": True,
            }
            for choice in choices
        ],
        "missing": [],
        "stats": {"lines": len(choices), "images": len({choice.image for choice in choices})},
    }  # fmt: skip


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("script", help="the script's file")
    parser.add_argument("--output", default="data/image_selections.json")
    parser.add_argument("--batch", action="store_true", help="one query for all lines")
    parser.add_argument(
        "--generate", action="store_true", help="draw an image where the library has none"
    )


def _work(project: Project, options: argparse.Namespace) -> None:
    script = read_script(project.sandbox.existing(options.script, "script", ".json"))
    path = project.sandbox.resolve(options.output, "--output", ".json")
    select_images(project, script, path, batch=options.batch, generate=options.generate)
    tell(f"{len(script.lines)} images selected in {project.relative(path)}")
