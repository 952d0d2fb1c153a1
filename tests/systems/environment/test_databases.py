"""Databases are opened read-only; whole, corrupt, locked and missing ones are told apart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from proofbook_systems.environment.databases import Database, inspect_databases


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a #1?.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE topics (topic TEXT)")
        rows = [("x" * 300,)] * 200
        connection.executemany("INSERT INTO topics VALUES (?)", rows)
        connection.execute("CREATE VIEW latest AS SELECT * FROM topics LIMIT 3")
        connection.commit()
    return path


def inspect(path: Path, *tables: str) -> Database:
    (found,) = inspect_databases({path.name: tables}, path.parent, timeout=0.1)
    return found


def test_a_whole_database_is_ok_with_its_rows(database: Path):
    found = inspect(database, "topics", "latest")
    assert (found.state, found.reason, found.missing_tables) == ("ok", "", ())
    assert found.rows == {"topics": 200, "latest": 3}


def test_looking_changes_nothing(database: Path):
    before = database.read_bytes()
    inspect(database, "topics")
    assert database.read_bytes() == before
    assert [p.name for p in database.parent.iterdir()] == [database.name]


def test_a_write_ahead_database_is_read_and_gets_no_new_files(database: Path):
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    assert inspect(database, "topics").state == "ok"
    assert [p.name for p in database.parent.iterdir()] == [database.name]


def test_either_of_two_names_will_do_and_the_one_found_is_said(database: Path):
    found = inspect(database, "trends|topics")
    assert (found.rows, found.missing_tables) == ({"topics": 200}, ())


def test_a_missing_table_is_named(database: Path):
    found = inspect(database, "topics", "videos|clips")
    assert (found.state, found.missing_tables) == ("ok", ("videos|clips",))


def test_a_missing_file_is_missing_and_is_not_made(tmp_path: Path):
    found = inspect(tmp_path / "none.db", "topics")
    assert (found.state, found.missing_tables) == ("missing", ("topics",))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"topic,source\n"])
def test_a_file_of_another_kind_is_no_database(tmp_path: Path, content: bytes):
    (tmp_path / "a.db").write_bytes(content)
    assert inspect(tmp_path / "a.db").state == "no database"


def test_overwritten_pages_are_corrupt(database: Path):
    data = bytearray(database.read_bytes())
    data[4096:8192] = b"\x5a" * 4096
    database.write_bytes(data)
    found = inspect(database, "topics")
    assert found.state == "corrupt"
    assert found.reason


def test_a_truncated_database_is_corrupt(database: Path):
    data = database.read_bytes()
    database.write_bytes(data[: len(data) // 2])
    assert inspect(database, "topics").state == "corrupt"


@pytest.fixture
def exclusive(database: Path) -> Iterator[Path]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield database


def test_a_database_in_exclusive_use_is_locked(exclusive: Path):
    found = inspect(exclusive, "topics")
    assert (found.state, found.missing_tables) == ("locked", ("topics",))
    assert "locked" in found.reason
