"""Read a pipeline's tables, of SQLite databases or of files, without ever writing into one."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.file_tables import FORMS, read_file_table
from proofbook_systems.pipeline.names import USUAL_NAMES, Names

__all__ = ["Rows", "UnknownFormError", "has_table", "read_rows"]

_BUSY = 10.0
"""Seconds to wait for a writer."""
_MAGIC = b"SQLite format 3\0"
_NAMES = frozenset({"", ".db", ".db3", ".sqlite", ".sqlite3", ".s3db"})
"""What calls itself a database, and must be one."""


class UnknownFormError(SubjectError):
    """A table is kept in a form that is not read here: nothing is known to be wrong with it."""


class Rows(list[dict[str, Any]]):
    """Rows of one table by its columns' own names, and what table and columns are called."""

    def __init__(self, table: str, columns: Mapping[str, str], rows: Iterable[Any]) -> None:
        super().__init__(dict(row) for row in rows)
        self.table = table
        self.columns = columns
        """Canonical name to the column's own, for those that there are."""

    def value(self, row: Mapping[str, Any], canonical: str) -> Any:
        """Return a row's column; None where the table has none."""
        return row.get(self.columns.get(canonical, ""))


def read_rows(path: Path, kind: str, names: Names) -> Rows:
    """Read the whole table of one kind: ``trends``, ``metrics``, ``marks``, ``library``.

    Raises:
        SubjectError: No database, a broken one, or no such table in it.
    """
    if path.suffix.casefold() in FORMS:
        called, listed = read_file_table(path, kind, names)
        return Rows(called, _columns(kind, {key for row in listed for key in row}, names), listed)
    with _opened(path) as database:
        tables = _tables(database)
        table = names.find(tables, f"{kind}.table")
        if table is None:
            looked = " or ".join(names.candidates(f"{kind}.table"))
            raise SubjectError(
                f"{path} has no table {looked}; it has {', '.join(tables) or 'none'}: say what it "
                f"is called with names.{kind}.table"
            )
        quoted = '"' + table.replace('"', '""') + '"'
        # table_info leaves out generated columns; 1 is a hidden one of a virtual table.
        info = database.execute(f"PRAGMA table_xinfo({quoted})")
        own = [row["name"] for row in info if row["hidden"] != 1]
        return Rows(
            table, _columns(kind, own, names), iter(database.execute(f"SELECT * FROM {quoted}"))
        )


def has_table(path: Path, kind: str, names: Names) -> bool:
    """Say whether there is a table of one kind; a file that is not there has none.

    Raises:
        SubjectError: The file is there, and cannot be read.
    """
    if not path.exists():
        return False
    if path.suffix.casefold() in FORMS:
        return kind != "marks"  # a document marks itself
    with _opened(path) as database:
        return names.find(_tables(database), f"{kind}.table") is not None


def _tables(database: sqlite3.Connection) -> list[str]:
    found = database.execute("SELECT name, type FROM sqlite_master ORDER BY name")
    return [row[0] for row in found if row[1] in ("table", "view")]


def _columns(kind: str, own: Collection[str], names: Names) -> dict[str, str]:
    """Return canonical name to column, for those that there are."""
    prefix = {"trends": "trend.", "metrics": "metric.", "marks": "mark.", "library": "library."}[
        kind
    ]
    wanted = [c for c in USUAL_NAMES if c.startswith(prefix) and not c.endswith(".table")]
    return {c: name for c in wanted if (name := names.find(own, c)) is not None}


def _is_of_other_form(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
    return bool(head) and head != _MAGIC


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise SubjectError(f"database {path} {what}")
    if path.suffix.casefold() not in _NAMES and _is_of_other_form(path):
        raise UnknownFormError(
            f"{path.name} is of no form that is read here: SQLite, {', '.join(FORMS)}"
        )
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        database = sqlite3.connect(address, uri=True, timeout=_BUSY)
        database.row_factory = sqlite3.Row
        # A single name in another encoding would hide the whole table.
        database.text_factory = lambda text: text.decode("utf-8", "backslashreplace")
        try:
            broken = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            if broken != "ok":
                raise SubjectError(f"database {path} is damaged: {broken}")
            yield database
        finally:
            database.close()
    except sqlite3.Error as error:
        raise SubjectError(f"database {path} cannot be read: {error}") from error
