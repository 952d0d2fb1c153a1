"""Whether SQLite files can be opened, are whole, and hold the tables they should.

Opens read-only and leaves no file behind.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

__all__ = ["Database", "inspect_databases"]

DatabaseState = Literal["ok", "missing", "no database", "locked", "corrupt", "unreadable"]

_HEADER = b"SQLite format 3\0"
_WAL = 2
_TIMEOUT = 1.0


@dataclass(frozen=True, kw_only=True)
class Database:
    """One SQLite file, as it was found."""

    name: str
    """As it was asked for."""
    path: Path
    state: DatabaseState
    reason: str
    """What SQLite said where the state is not ``ok``."""
    rows: dict[str, int]
    """Rows of each required table that is there, under the name that was found."""
    missing_tables: tuple[str, ...]
    """Requirements that no table meets."""


def inspect_databases(
    required: Mapping[str, Iterable[str]], root: Path, timeout: float = _TIMEOUT
) -> tuple[Database, ...]:
    """Look into each file for its tables, where ``a|b`` asks for either.

    Relative names start from ``root``.
    A file on which another process holds an exclusive lock for ``timeout`` seconds is ``locked``.
    """
    return tuple(
        _inspect(name, root / Path(name).expanduser(), list(tables), timeout)
        for name, tables in required.items()
    )


def _inspect(name: str, path: Path, tables: list[str], timeout: float) -> Database:
    state, reason = _look_at_file(path)
    rows: dict[str, int] = {}
    lacking = list(tables)
    if state == "ok":
        try:
            with closing(_open(path, timeout)) as connection:
                reason = _check_integrity(connection)
                rows, lacking = _count_rows(connection, tables)
            state = "corrupt" if reason else "ok"
        except sqlite3.Error as error:
            state, reason = _classify(error), str(error)
    return Database(
        name=name, path=path, state=state, reason=reason, rows=rows, missing_tables=tuple(lacking)
    )


def _look_at_file(path: Path) -> tuple[DatabaseState, str]:
    if not path.is_file():
        return "missing", "there is no such file"
    try:
        with path.open("rb") as file:
            header = file.read(len(_HEADER))
    except OSError as error:
        return "unreadable", error.strerror or str(error)
    if header != _HEADER:
        return "no database", "it is empty" if not header else "it does not begin as SQLite does"
    return "ok", ""


def _open(path: Path, timeout: float) -> sqlite3.Connection:
    """Open read-only; a write-ahead database that nobody uses as it is, so that none is begun."""
    with path.open("rb") as file:
        unused_wal = file.read(19)[-1] == _WAL and not Path(f"{path}-wal").exists()
    options = "mode=ro&immutable=1" if unused_wal else "mode=ro"
    return sqlite3.connect(f"file:{quote(str(path))}?{options}", uri=True, timeout=timeout)


def _check_integrity(connection: sqlite3.Connection) -> str:
    """Return what is wrong, or an empty text."""
    answers = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
    return "" if answers == ["ok"] else "; ".join(answers)


def _count_rows(
    connection: sqlite3.Connection, tables: list[str]
) -> tuple[dict[str, int], list[str]]:
    """Return the rows of each required table found, and the requirements that none meets."""
    listing = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    there = {row[0] for row in listing}
    rows, lacking = {}, []
    for requirement in tables:
        table = next((name for name in requirement.split("|") if name in there), None)
        if table is None:
            lacking.append(requirement)
            continue
        quoted = table.replace('"', '""')
        (rows[table],) = connection.execute(f'SELECT COUNT(*) FROM "{quoted}"').fetchone()
    return rows, lacking


def _classify(error: sqlite3.Error) -> DatabaseState:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "locked"
    return "corrupt" if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) else "unreadable"
