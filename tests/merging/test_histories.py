"""The index of another machine is read as data, and held against what a run's files support."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from proofbook.merging import histories
from proofbook.merging.histories import ReceivedHistory, read_history
from proofbook.report.index import HISTORY_VERSION, Result

TABLE = "create table results (run, key, revision, state, value); "


def write(
    outputs: Path, script: str = TABLE, rows: Any = (), version: int = HISTORY_VERSION
) -> None:
    with closing(sqlite3.connect(outputs / "history.sqlite")) as database, database:
        database.executescript(f"{script} pragma user_version = {version};")
        if rows:
            database.executemany("insert into results values (?, ?, ?, ?, ?)", rows)


def differences(
    monkeypatch: pytest.MonkeyPatch, history: ReceivedHistory, *results: Result
) -> list[str]:
    monkeypatch.setattr(histories, "results_of", lambda jobs: results)
    run: Any = SimpleNamespace(run_id="r", jobs=())
    return history.differences(run)


def test_what_an_index_says_of_its_runs_is_read(tmp_path: Path) -> None:
    write(tmp_path, rows=[("r", "job\na", "1", "good", 2), ("s", "job\na", "1", "bad", "x")])
    history = read_history(tmp_path)
    assert (history.problem, history.knows("r"), history.knows("s")) == ("", True, True)
    assert not history.knows("t")


def test_where_there_is_no_index_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "elsewhere", rows=[("r", "job\na", "1", "good", 2)])
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    assert (read_history(outputs).problem, read_history(outputs).knows("r")) == ("", False)
    (outputs / "history.sqlite").symlink_to(tmp_path / "elsewhere" / "history.sqlite")
    assert (read_history(outputs).problem, read_history(outputs).knows("r")) == ("", False)
    (outputs / "history.sqlite").unlink()
    (outputs / "history.sqlite").mkdir()
    assert read_history(outputs).problem == ""


@pytest.mark.parametrize(
    ("script", "version", "words"),
    [
        (TABLE, HISTORY_VERSION - 1, "is of another version, and is not compared"),
        ("", HISTORY_VERSION, "cannot be read, and is not compared: its results are nothing"),
        ("create view results as select 1", HISTORY_VERSION, "its results are view"),
        ("create virtual table results using fts5(a)", HISTORY_VERSION, "its results are table"),
        ("create table results (run)", HISTORY_VERSION, "no such column: key"),
    ],
)
def test_an_index_that_is_not_ours_is_named(
    tmp_path: Path, script: str, version: int, words: str
) -> None:
    write(tmp_path, f"{script};", version=version)
    history = read_history(tmp_path)
    assert history.problem.startswith(f"{tmp_path / 'history.sqlite'} ")
    assert words in history.problem
    assert not history.knows("r")


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 500)
    assert "cannot be read, and is not compared: " in read_history(tmp_path).problem


def test_an_index_is_not_changed_by_reading_it(tmp_path: Path) -> None:
    write(tmp_path, "pragma journal_mode = wal; " + TABLE, [("r", "job\na", "1", "good", 2)])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert read_history(tmp_path).knows("r")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["a?b#c%20d", "ä b"])
def test_an_index_is_read_wherever_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    write(tmp_path / name, rows=[("r", "job\na", "1", "good", 2)])
    assert read_history(tmp_path / name).knows("r")


def test_an_index_runs_no_function_and_is_not_written_to(tmp_path: Path) -> None:
    write(tmp_path)
    with closing(histories._open(tmp_path / "history.sqlite")) as database:
        assert database.execute("pragma trusted_schema").fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            database.execute("insert into results values (1, 2, 3, 4, 5)")


def test_a_query_may_take_some_steps_and_is_ended_if_it_takes_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "_STEP", 100)
    monkeypatch.setattr(histories, "_MOST_STEPS", 50)
    write(tmp_path)
    with closing(histories._open(tmp_path / "history.sqlite")) as database:
        endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select * from n"
        assert len(database.execute(f"{endless} limit 20").fetchall()) == 20
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            all(database.execute(endless))


def test_an_index_is_opened_as_an_address_of_what_nobody_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, rows=[("r", "job\na", "1", "good", 2)])
    asked: list[tuple[str, bool]] = []
    connect = sqlite3.connect

    def noted(address: str, uri: bool = False) -> sqlite3.Connection:
        asked.append((address, uri))
        return connect(address, uri=uri)

    monkeypatch.setattr(histories.sqlite3, "connect", noted)
    assert read_history(tmp_path).knows("r")
    assert asked == [(f"file://{tmp_path}/history.sqlite?mode=ro&immutable=1", True)]


def test_only_what_differs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    history = ReceivedHistory({
        "r": {
            "job\na": ("1", "good", 2.0), "job\nb": ("1", "good", 2.0),
            "check\na\nx": ("1", "good", None),
            "metric\na\nm\n{}": ("1", "", 41.25), "metric\na\nn\n{}": ("1", "", None),
        }
    })  # fmt: skip
    found = differences(
        monkeypatch, history,
        Result("job\na", "1", "good", 2), Result("job\nb", "2", "good", 2.0),
        Result("check\na\ny", "1", "bad", None), Result("metric\na\nm\n{}", "1", "", 1 / 3),
        Result("metric\na\nn\n{}", "1", "", math.nan),
    )  # fmt: skip
    assert found == [
        "a, x: good there, nothing by its files",
        "a, y: nothing there, bad by its files",
        "b: good there, good by its files",
        "a, m, {}: 41.25 there, 0.333333 by its files",
    ]


def test_of_what_was_written_and_is_so_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        ("r", "job\na", "1", "good", 2), ("r", "job\nb", "2", "bad", None),
        ("r", "metric\na\nm", "3", "", 1.5),
    ]  # fmt: skip
    write(tmp_path, rows=[*rows, ("s", "job\na", "9", "bad", 9)])
    same = [Result(key, revision, state, value) for _, key, revision, state, value in rows]
    assert differences(monkeypatch, read_history(tmp_path), *same) == []


def test_a_run_that_it_does_not_know_is_all_new(monkeypatch: pytest.MonkeyPatch) -> None:
    found = differences(
        monkeypatch, ReceivedHistory({}), Result("metric\na b\nm\n{}", "", "", None)
    )
    assert found == ["a b, m, {}: nothing there, no number by its files"]


def test_a_number_that_is_text_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, rows=[("r", "metric\na\nm\n{}", "1", "", "9"), (1, 2, 3, "good", 4)])
    history = read_history(tmp_path)
    assert history.knows("1")
    found = differences(monkeypatch, history, Result("metric\na\nm\n{}", "1", "", 9))
    assert found == ["a, m, {}: no number there, 9 by its files"]
