"""Open the SQLite databases: one writer waits for another, and older files are migrated.

A migration is one transaction: a process that dies within it leaves the older version.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from proofbook_subjects.pipeline.errors import StoreError
from proofbook_subjects.pipeline.schemas import Schema
from proofbook_subjects.pipeline.settings import Project
from proofbook_subjects.pipeline.spoiling.endings import count_write

__all__ = ["now", "open_database", "transaction", "version_of"]

_WAIT = 30.0
_HINTS = {
    "locked": "another process has held it for {wait:g} s; end it, or raise DB_TIMEOUT",
    "busy": "another process has held it for {wait:g} s; end it, or raise DB_TIMEOUT",
    "not a database": "the file is corrupt; put a backup there, or remove it and run "
    "init_databases.py",
    "malformed": "the file is corrupt; put a backup there, or remove it and run init_databases.py",
    "full": "the disk is full; nothing was changed",
    "readonly": "the file may not be written by this user",
    "unable to open": "its folder is missing or may not be written",
}


def now() -> str:
    """Return the time in UTC, as the databases keep it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@contextmanager
def open_database(project: Project, schema: Schema) -> Iterator[sqlite3.Connection]:
    """Open a database in its newest version, making or migrating it if need be.

    Raises:
        StoreError: It is locked for too long, corrupt, or newer than this program.
    """
    path = project.databases / schema.file
    wait = project.number("DB_TIMEOUT", _WAIT)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=wait, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = NORMAL")
            _migrate(connection, schema, path)
            yield connection
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"database {path}: {_explain(error, wait)}") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all or nothing; waits for another writer when it begins, not in the middle."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        count_write()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def version_of(connection: sqlite3.Connection, schema: Schema) -> int:
    """Return a file's version; 0 where it is empty."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    query = "SELECT COUNT(*) FROM sqlite_master WHERE name = ?"
    has_table = connection.execute(query, [schema.first_table]).fetchone()[0]
    return max(version, 1) if has_table else version


def _migrate(connection: sqlite3.Connection, schema: Schema, path: Path) -> None:
    if version_of(connection, schema) == schema.version and _has_version(connection, schema):
        return
    connection.execute("PRAGMA journal_mode = WAL")
    with transaction(connection):
        version = version_of(connection, schema)  # another process may have been faster
        if version > schema.version:
            raise StoreError(
                f"database {path} is of version {version}, and this program knows "
                f"{schema.version}: use the newer program"
            )
        for step in schema.steps[version:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {schema.version}")


def _has_version(connection: sqlite3.Connection, schema: Schema) -> bool:
    return int(connection.execute("PRAGMA user_version").fetchone()[0]) == schema.version


def _explain(error: Exception, wait: float) -> str:
    text = str(error)
    hint = next((hint for word, hint in _HINTS.items() if word in text), "")
    return f"{text}: {hint.format(wait=wait)}" if hint else text
