"""Another film beside the one under test: its files, and its rows. A clean-up must leave both.

neighbour = place_neighbour(apart, "e1")
neighbour.lost()
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from proofbook_systems.pipeline.file_tables import FORMS
from proofbook_systems.pipeline.workspace import Workspace, new_episode

__all__ = ["Neighbour", "place_neighbour"]

_OWN = ("script", "audio", "timeline", "selections", "video")
_DATABASES = ("trends_db", "metrics_db", "library_db")
_TEXTS = (".json", ".jsonl", ".yaml", ".yml", ".md", ".txt", ".srt", ".vtt", ".csv")


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """Another film in a copy of a project."""

    episode: str
    root: Path
    files: tuple[Path, ...]
    databases: tuple[Path, ...]
    rows: int
    """How many name it."""

    def lost(self) -> list[str]:
        """Return what is gone of it."""
        gone = [str(path.relative_to(self.root)) for path in self.files if not path.exists()]
        faults = [f"{name} of another film was removed, too" for name in gone]
        left = sum(_count(path, self.episode) for path in self.databases if path.is_file())
        if left < self.rows:
            faults.append(f"{self.rows - left} of {self.rows} rows of another film were removed")
        return faults


def place_neighbour(workspace: Workspace, episode: str) -> Neighbour:
    """Put another film beside one: a copy of its own files and rows under another name.

    What has one place for all films has no copy, and neither has a row that cannot be there twice.
    """
    other = new_episode()
    files = []
    for artefact in _OWN:
        path = workspace.path(artefact, episode) if workspace.is_own(artefact) else Path()
        if episode in str(path) and path.exists() and not path.is_symlink():
            files += list(_copy(path, episode, other, workspace.folder))
    databases = tuple(
        path
        for artefact in _DATABASES
        if workspace.knows(artefact)
        and (path := workspace.path(artefact, episode)).is_file()
        and path.suffix.casefold() not in FORMS
    )
    for path in databases:
        _double(path, episode, other)
    rows = sum(_count(path, other) for path in databases)
    return Neighbour(
        episode=other, root=workspace.folder, files=tuple(dict.fromkeys(files)),
        databases=databases, rows=rows,
    )  # fmt: skip


def _copy(path: Path, episode: str, other: str, root: Path) -> Iterator[Path]:
    """Copy a file, or all in a folder, to where the other film's would be; yield the copies."""
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        if not file.is_file() or not file.is_relative_to(root):
            continue
        target = root / str(file.relative_to(root)).replace(episode, other)
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix.casefold() in _TEXTS:
            target.write_bytes(file.read_bytes().replace(episode.encode(), other.encode()))
        else:
            shutil.copy2(file, target)
        yield target


def _double(path: Path, episode: str, other: str) -> None:
    """Insert each row that names a film once more, for the other film."""
    with closing(sqlite3.connect(path, timeout=10)) as database:
        for table, columns in _tables(database):
            quoted = ", ".join(map(_quoted, columns))
            marks = ", ".join("?" for _ in columns)
            found = database.execute(f"SELECT {quoted} FROM {_quoted(table)}").fetchall()
            for row in found:
                if any(isinstance(value, str) and episode in value for value in row):
                    changed = [v.replace(episode, other) if isinstance(v, str) else v for v in row]
                    database.execute(
                        f"INSERT OR IGNORE INTO {_quoted(table)} ({quoted}) VALUES ({marks})",
                        changed,
                    )
        database.commit()


def _count(path: Path, episode: str) -> int:
    with closing(sqlite3.connect(path, timeout=10)) as database:
        return sum(
            any(isinstance(value, str) and episode in value for value in row)
            for table, columns in _tables(database)
            for row in database.execute(
                f"SELECT {', '.join(map(_quoted, columns))} FROM {_quoted(table)}"
            )
        )


def _tables(database: sqlite3.Connection) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield each table with its columns, without a whole number that is its key."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    for (table,) in database.execute(query).fetchall():
        about = database.execute(f"PRAGMA table_info({_quoted(table)})").fetchall()
        columns = [c[1] for c in about if not (c[5] and c[2].upper() == "INTEGER")]
        if columns:
            yield table, columns


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
