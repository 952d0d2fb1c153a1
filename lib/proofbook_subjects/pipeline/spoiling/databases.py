"""Faults of the initialisation: each changes the files that it has made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection, connect

from proofbook_subjects.pipeline.faults import Faults
from proofbook_subjects.pipeline.schemas import SCHEMAS

__all__ = ["FOLDERS", "spoil_databases"]


def spoil_databases(faults: Faults, folder: Path) -> None:
    """Damage the databases of a folder as the faults have it."""
    for kind in faults.of("init"):
        if kind in FOLDERS:
            FOLDERS[kind](folder)


def _run(path: Path, *statements: str) -> None:
    with closing(connect(path)) as connection:
        _each(connection, statements)


def _each(connection: Connection, statements: tuple[str, ...]) -> None:
    for statement in statements:
        connection.execute(statement)
    connection.commit()


def _forget_keys(folder: Path) -> None:
    _run(folder / "trends.db", "DROP INDEX IF EXISTS trends_once")
    _run(folder / "metrics.db", "DROP INDEX IF EXISTS metrics_once")


def _first_versions(folder: Path) -> None:
    for schema in SCHEMAS[:2]:
        (folder / schema.file).unlink()
        _run(folder / schema.file, *schema.steps[0])


FOLDERS: Mapping[str, Callable[[Path], None]] = {
    "no_table": lambda folder: _run(folder / "trends.db", "DROP TABLE trends"),
    "no_unique_key": _forget_keys,
    "old_version": _first_versions,
}
