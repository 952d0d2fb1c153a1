"""What a SQLite file holds, read from a copy of it so that nothing about it changes.

A hot journal or a write-ahead log that a killed program has left is applied in the copy, as it
would be for the next program that opens the file.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["OURS", "SIDE_FILES", "Column", "Snapshot", "Table", "quoted", "take_snapshot"]

SIDE_FILES = ("-wal", "-journal")
"""What may be beside a database and belongs to its content."""
OURS = "proofbook_"
"""How tables and triggers of the trials begin; a snapshot leaves them out."""

Row = tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table."""

    name: str
    key: int
    """Its place in the primary key, from 1; 0 where it is no part of it."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table with its rows."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    unique: tuple[frozenset[str], ...] = ()
    """The columns of each unique index, the primary key's among them."""

    def values(self, column: str) -> list[object]:
        """Return what each row has in a column."""
        place = [each.name for each in self.columns].index(column)
        return [row[place] for row in self.rows]

    def counts(self) -> Counter[Row]:
        """Return how often each row is there."""
        return Counter(self.rows)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What one file held at one time."""

    path: Path
    fault: str = ""
    """Why it cannot be read; the rest is then empty."""
    tables: Mapping[str, Table] = field(default_factory=dict)
    views: Mapping[str, str] = field(default_factory=dict)
    """Why each view cannot be read; empty where it can."""
    schema: Mapping[str, str] = field(default_factory=dict)
    """The statement that made each table, view, index and trigger."""
    damage: str = ""
    """What ``PRAGMA integrity_check`` says other than ok."""
    orphans: tuple[str, ...] = ()
    """Rows whose foreign key leads nowhere, in words."""
    journal: str = ""
    """``wal``, ``delete``, …"""

    @property
    def names(self) -> frozenset[str]:
        """Tables and views."""
        return frozenset(self.tables) | frozenset(self.views)


def take_snapshot(path: Path) -> Snapshot:
    """Return what a file holds, or why it cannot be read."""
    if not path.is_file():
        return Snapshot(path=path, fault="there is no such file")
    with tempfile.TemporaryDirectory(prefix="proofbook-db-") as folder:
        copy = Path(folder, "copy.db")
        for suffix in ("", *SIDE_FILES):
            if (source := Path(f"{path}{suffix}")).is_file():
                shutil.copyfile(source, f"{copy}{suffix}")
        try:
            with closing(sqlite3.connect(copy)) as connection:
                return _read(path, connection)
        except sqlite3.Error as error:
            return Snapshot(path=path, fault=str(error))


def quoted(name: str) -> str:
    """Return a name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def _read(path: Path, connection: sqlite3.Connection) -> Snapshot:
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    connection.execute("PRAGMA query_only = 1")
    listing = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    known = [(k, n, s or "") for k, n, s in listing if not n.startswith(("sqlite_", OURS))]
    problems = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
    return Snapshot(
        path=path, journal=journal, schema={name: sql for _, name, sql in known},
        tables={n: _read_table(connection, n) for k, n, _ in known if k == "table"},
        views={n: _try_view(connection, n) for k, n, _ in known if k == "view"},
        damage="" if problems == ["ok"] else "; ".join(problems),
        orphans=tuple(_orphans(connection)),
    )  # fmt: skip


def _read_table(connection: sqlite3.Connection, name: str) -> Table:
    columns = connection.execute(f"PRAGMA table_info({quoted(name)})").fetchall()
    keys = [frozenset(str(c[1]) for c in columns if c[5])]
    for _, index, is_unique, _, partial in connection.execute(f"PRAGMA index_list({quoted(name)})"):
        if is_unique and not partial:
            parts = connection.execute(f"PRAGMA index_info({quoted(index)})").fetchall()
            keys.append(frozenset(str(part[2]) for part in parts))
    return Table(
        name=name, columns=tuple(Column(name=c[1], key=c[5]) for c in columns),
        rows=tuple(connection.execute(f"SELECT * FROM {quoted(name)}")),
        unique=tuple(key for key in dict.fromkeys(keys) if key),
    )  # fmt: skip


def _try_view(connection: sqlite3.Connection, name: str) -> str:
    try:
        connection.execute(f"SELECT * FROM {quoted(name)} LIMIT 1").fetchall()
    except sqlite3.Error as error:
        return str(error)
    return ""


def _orphans(connection: sqlite3.Connection) -> list[str]:
    try:
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.Error as error:  # a key that names no column of the other table
        return [str(error)]
    return [
        f"row {row} of {table} refers to a row of {parent} that is not there"
        for table, row, parent, _ in broken
    ]
