"""What each film has left: its files, and its rows in the databases.

Files of a film are those whose path names it. They are counted by folder and ending, so that films
with other names for the same things can be compared.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook_systems.pipeline.databases.contents import Content
from proofbook_systems.pipeline.workspace import Workspace

__all__ = ["Inventory", "Kind", "take_inventory"]

Kind = tuple[str, str]
"""A folder or database, and what is in it, in words."""
_NOT_LEFT = ("-wal", "-shm", "-journal", ".pyc", ".log")


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All that there is of some films at one time."""

    files: Mapping[str, Counter[Kind]]
    """How many files of each kind, by film."""
    rows: Mapping[str, Counter[Kind]]
    """How many rows in each table, by film."""
    others: frozenset[str]
    """Files that belong to no film."""
    digests: Mapping[str, str]
    """The hash of each film's video."""


def take_inventory(workspace: Workspace, films: Sequence[str], content: Content) -> Inventory:
    """Return what there is of the films."""
    files: dict[str, Counter[Kind]] = {film: Counter() for film in films}
    others = set()
    for path in sorted(workspace.folder.rglob("*")):
        name = path.relative_to(workspace.folder).as_posix()
        if not path.is_file() or name.endswith(_NOT_LEFT):
            continue
        film = next((film for film in films if film in name), None)
        if film is None:
            others.add(name)
        else:
            files[film][_kind(name, film)] += 1
    return Inventory(
        files=files, rows=_rows(content, films), others=frozenset(others),
        digests={film: _digest(workspace.path("video", film)) for film in films}
        if workspace.knows("video") else {},
    )  # fmt: skip


def _kind(name: str, film: str) -> Kind:
    path = Path(name.replace(film, "…"))
    hidden = "hidden " if path.name.startswith(".") else ""
    own = path.name if "…" in path.name else f"*{path.suffix}"
    return str(path.parent), f"{hidden}{own}"


def _rows(content: Content, films: Sequence[str]) -> dict[str, Counter[Kind]]:
    rows: dict[str, Counter[Kind]] = {film: Counter() for film in films}
    for (file, name), table in content.tables.items():
        for row in table.rows:
            texts = {value for value in row if isinstance(value, str)}
            for film in rows.keys() & texts:
                rows[film][file, name] += 1
    return rows


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
