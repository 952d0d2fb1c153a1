"""What databases hold, read without a change, and how two states differ."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from proofbook_systems.pipeline.databases.batches import count_commits
from proofbook_systems.pipeline.databases.contents import Content, counters, differences, doubled
from proofbook_systems.pipeline.databases.keys import Key, find_keys, missing_index
from proofbook_systems.pipeline.databases.snapshots import take_snapshot
from proofbook_systems.pipeline.databases.telling import unclear
from proofbook_systems.pipeline.names import Names
from proofbook_systems.pipeline.stages import StageRun


def make(path: Path, *statements: str) -> Content:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    return Content(files={path.name: take_snapshot(path)})


def run_that_printed(output: str, code: int = 1) -> StageRun:
    return StageRun(stage="trends", episode="e", command=(), code=code, words="exited with code 1",
                    seconds=1.0, began=0.0, output=output)  # fmt: skip


def test_snapshot_changes_nothing_and_sees_what_is_in_the_log(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (n)")
        database.execute("INSERT INTO t VALUES (1)")
        database.commit()
        files = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in tmp_path.iterdir()}
        snapshot = take_snapshot(path)
        after = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in tmp_path.iterdir()}
    assert (snapshot.tables["t"].rows, snapshot.journal) == (((1,),), "wal")
    assert after == files


def test_snapshot_tells_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database at all" * 100)
    assert "not a database" in take_snapshot(tmp_path / "a.db").fault
    assert take_snapshot(tmp_path / "b.db").fault == "there is no such file"


def test_counters_are_integers_that_grow_in_rows_that_were_there(tmp_path: Path) -> None:
    table = "CREATE TABLE images (id INTEGER PRIMARY KEY, used INTEGER, at INTEGER)"
    path = tmp_path / "a.db"
    before = make(path, table, "INSERT INTO images VALUES (1, 2, 10), (5, 0, 20)")
    once = make(path, "UPDATE images SET used = used + 1, at = 1000 WHERE id = 1")
    other = make(path, "UPDATE images SET at = 1001 WHERE id = 1")
    assert counters(before, once, other) == {("a.db", "images.used"): 1}


def test_differences_name_table_and_number(tmp_path: Path) -> None:
    once = make(tmp_path / "a.db", "CREATE TABLE t (n)", "INSERT INTO t VALUES (1), (2)")
    less = make(tmp_path / "a.db", "DELETE FROM t WHERE n = 1")
    assert differences(once, less, {}) == ["a.db: t has 1 rows, not 2: 1 lost"]
    assert differences(less, once, {}) == ["a.db: t has 2 rows, not 1: 1 too many"]


def test_row_that_was_there_twice_before_is_not_doubled(tmp_path: Path) -> None:
    once = make(tmp_path / "a.db", "CREATE TABLE t (n)", "INSERT INTO t VALUES (1), (1), (2)")
    twice = make(tmp_path / "a.db", "INSERT INTO t VALUES (2)")
    assert doubled(once, twice, {("a.db", "t"): ("n",)}) == {("a.db", "t"): [(2,)]}


@pytest.mark.parametrize(
    ("constraint", "words"),
    [("", "has no UNIQUE (name)"), (", UNIQUE (name)", ""), (", UNIQUE (name, at)", "also has at"),
     (", PRIMARY KEY (name)", "")],
)  # fmt: skip
def test_missing_unique_index_is_named(tmp_path: Path, constraint: str, words: str) -> None:
    content = make(tmp_path / "a.db", f"CREATE TABLE trends (name TEXT, at TEXT{constraint})")
    told = missing_index(content, Key(("a.db", "trends"), ("name",)))
    assert words in told
    assert bool(told) == bool(words)


def test_keys_are_found_by_usual_and_by_own_names(tmp_path: Path) -> None:
    content = make(tmp_path / "a.db", "CREATE TABLE hot (label TEXT)")
    names = Names.of({"trends.table": "hot", "trend.name": "label"})
    assert find_keys(content, {"trends.table": ["trend.name"]}, names) == [
        Key(("a.db", "hot"), ("label",))
    ]
    assert find_keys(content, {"trends|hot": ["topic|label"]}, Names.of({})) != []
    assert find_keys(content, {"trends.table": ["trend.name"]}, Names.of({})) == []


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_transactions_are_counted_in_each_journal_mode(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.db"
    make(path, "CREATE TABLE t (n)")
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(f"PRAGMA journal_mode = {mode}")
    with count_commits(path) as commits:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("INSERT INTO t VALUES (1)")
            database.execute("BEGIN")
            database.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(900)])
            database.execute("COMMIT")
        assert commits() == 2


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        ("error: trends.db: database is locked", ""),
        ("waiting\nerror: database trends.db is busy", ""),
        ("error: database is locked", "does not say which database"),
        ("error: failed", "does not say that the database is locked"),
        ("Traceback (most recent call last):\n  x\ntrends: database is locked", "a traceback"),
    ],
)
def test_what_is_told_of_a_lock(output: str, fault: str) -> None:
    words = unclear(run_that_printed(output), r"lock|busy", "that the database is locked",
                    ["trends.db", "metrics.db"])  # fmt: skip
    assert fault in "; ".join(words)
    assert bool(words) == bool(fault)


def test_who_has_one_database_need_not_name_it() -> None:
    run = run_that_printed("error: database is locked")
    assert unclear(run, "lock", "that the database is locked", ["trends.db"]) == []
