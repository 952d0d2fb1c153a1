"""Files and tables in the seed's form, the real system's, and a project's own."""

from __future__ import annotations

import json
import math
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.end_to_end.run_findings import unreadable
from proofbook_systems.pipeline.names import USUAL_NAMES, Names
from proofbook_systems.pipeline.reading import (
    numbers_of,
    read_script,
    read_selections,
    read_timeline,
)
from proofbook_systems.pipeline.tables import UnknownFormError, read_rows

USUAL = Names()


def written(folder: Path, document: Any, name: str = "x.json") -> Path:
    path = folder / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_the_forms_of_seed_and_real_system_are_the_same_script(tmp_path: Path) -> None:
    seed = {"episode": "e", "metadata": {"topics": ["Trains"]}, "lines": [
        {"character": "Butcher", "text": "Woof.", "emotion": "happy"}]}  # fmt: skip
    real = {"timestamp": "t", "characters": ["Butcher"], "metadata": {"trend": "Trains"},
            "script": [{"character": "Butcher", "line": "Woof.", "emotion": "happy"}]}  # fmt: skip
    one = read_script(written(tmp_path, seed, "a.json"), USUAL)
    other = read_script(written(tmp_path, real, "b.json"), USUAL)
    assert one.lines == other.lines
    assert (one.topics, other.topics) == (("Trains",), ("Trains",))
    assert (one.form, other.form) == ("lines", "script")


def test_own_names_may_be_paths(tmp_path: Path) -> None:
    document = {"body": {"turns": [{"who": "A", "utterance": "Hi", "tone": "calm"}]}}
    names = Names.of({"script.lines": "body.turns", "line.character": "who",
                      "line.text": "utterance", "line.emotion": "tone"})  # fmt: skip
    line = read_script(written(tmp_path, document), names).lines[0]
    assert (line.character, line.text, line.emotion) == ("A", "Hi", "calm")


def test_an_own_name_is_the_only_one_that_is_looked_for() -> None:
    assert Names.of({"line.text": "utterance"}).get({"text": "x"}, "line.text") is None


def test_a_name_that_nothing_asks_for_is_refused() -> None:
    with pytest.raises(SubjectError, match=r"names has 'line\.words'"):
        Names.of({"line.words": "x"})


def test_usual_names_of_one_thing_are_different() -> None:
    assert all(len(set(names)) == len(names) for names in USUAL_NAMES.values())


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "is not JSON"),
        ("[1]", "entry 1 is 1, not an object"),
        ({"scene": []}, "has no list called lines, script, dialogue"),
        ({"lines": ["Woof", 2]}, "entry 1 is 'Woof', not an object"),
        ({}, "it has nothing: say what it is called with names.script.lines"),
    ],
)
def test_what_is_no_script_is_one_line(tmp_path: Path, document: Any, words: str) -> None:
    with pytest.raises(SubjectError) as told:
        read_script(written(tmp_path, document), USUAL)
    assert words in str(told.value)
    assert "\n" not in str(told.value)


def test_a_missing_script_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"cannot be read: No such file"):
        read_script(tmp_path / "none.json", USUAL)


@pytest.mark.parametrize(
    ("given", "numbers"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([0, 1, 2], [1, 2, 3]),
        (["1", "2"], [1, 2]),
        ([None, None], [1, 2]),
        ([3, 1, 2], [3, 1, 2]),
        ([1, 1, 3], [1, 1, 3]),
        ([2, 3], [2, 3]),
        ([], []),
    ],
)
def test_lines_are_numbered_from_one(given: list[Any], numbers: list[int]) -> None:
    assert numbers_of(given) == numbers


def test_a_timeline_takes_from_the_script_what_it_does_not_say(tmp_path: Path) -> None:
    lines = [{"character": "A", "text": "Hi", "emotion": "calm"}] * 2
    script = read_script(written(tmp_path, {"lines": lines}, "s.json"), USUAL)
    (tmp_path / "one.wav").write_bytes(b"")
    places = [{"index": 0, "audio_file": "one.wav", "start": "0.5", "end": 1.25},
              {"index": 1, "audio_file": "two.wav", "start": 1.25, "duration": 1}]  # fmt: skip
    timeline = read_timeline(
        written(tmp_path, {"segments": places}), USUAL, root=tmp_path / "project", script=script
    )
    first, second = timeline.lines
    assert (first.text, first.duration, first.audio) == ("Hi", 0.75, tmp_path / "one.wav")
    assert (second.end, second.audio) == (2.25, tmp_path / "project" / "two.wav")
    assert math.isnan(timeline.total)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"start": 0, "duration": 1}, "line 1 has no sound"),
        ({"audio": "a", "start": 0}, "line 1 has neither a duration nor an end"),
        ({"audio": "a", "end": 1}, "line 1: start is None, not a number of seconds"),
        ({"audio": "a", "start": "0:01", "duration": 1}, "start is '0:01'"),
    ],
)
def test_a_line_without_time_or_sound_is_one_line(tmp_path: Path, line: Any, words: str) -> None:
    with pytest.raises(SubjectError) as told:
        read_timeline(written(tmp_path, {"lines": [line]}), USUAL, root=tmp_path, script=None)
    assert words in str(told.value)


def test_selections_may_be_a_bare_list(tmp_path: Path) -> None:
    chosen = read_selections(
        written(tmp_path, [{"image": "a.png"}, {"image": None}]), USUAL, root=tmp_path, script=None
    )
    assert [each.is_found for each in chosen.selections] == [True, False]
    assert chosen.selections[0].image == tmp_path / "a.png"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a b#?.db"
    with sqlite3.connect(path) as connection:
        connection.execute('CREATE TABLE "trends" (topic TEXT, score REAL)')
        connection.execute("INSERT INTO trends VALUES ('x', 1)")
        connection.execute("CREATE VIEW video_metrics AS SELECT topic AS video_id FROM trends")
    connection.close()
    return path


def test_tables_and_views_are_found_by_their_usual_names(database: Path) -> None:
    rows = read_rows(database, "trends", USUAL)
    assert (rows.table, rows.value(rows[0], "trend.name")) == ("trends", "x")
    assert rows.value(rows[0], "trend.at") is None
    assert read_rows(database, "metrics", USUAL).table == "video_metrics"


def test_a_table_that_is_not_there_is_one_line(database: Path) -> None:
    with pytest.raises(SubjectError, match="has no table image_library or images; it has trends"):
        read_rows(database, "library", USUAL)


@pytest.mark.parametrize("content", [b"", b"no database at all, " * 100])
def test_a_file_that_is_no_database_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)
    with pytest.raises(SubjectError, match=r"has no table|cannot be read"):
        read_rows(path, "trends", USUAL)


LATIN = "INSERT INTO trends(name, score) VALUES (CAST(x'436166e9' AS TEXT), 1)"


@pytest.mark.parametrize(
    ("statements", "name", "score"),
    [
        (["PRAGMA encoding='UTF-16le'", "CREATE TABLE trends(name, score)",
          "INSERT INTO trends VALUES ('Café', 1)"], "Café", 1),
        (["CREATE TABLE trends(name, score)", LATIN], "Caf\\xe9", 1),
        (["CREATE TABLE trends(name TEXT, score AS (length(name)), t AS (1) STORED)",
          "INSERT INTO trends VALUES ('abc')"], "abc", 3),
        (["CREATE TABLE trends(name PRIMARY KEY, score) WITHOUT ROWID",
          "INSERT INTO trends VALUES ('abc', 2)"], "abc", 2),
        (["CREATE VIRTUAL TABLE trends USING fts5(name, score)",
          "INSERT INTO trends VALUES ('abc', 2)"], "abc", 2),
    ],
)  # fmt: skip
def test_tables_of_any_kind_are_read(
    tmp_path: Path, statements: list[str], name: str, score: int
) -> None:
    with sqlite3.connect(tmp_path / "x.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    rows = read_rows(tmp_path / "x.db", "trends", USUAL)
    assert [rows.value(rows[0], c) for c in ("trend.name", "trend.score")] == [name, score]


def test_a_form_that_is_not_read_here_is_no_fault_of_the_pipeline(tmp_path: Path) -> None:
    path = tmp_path / "trends.xlsx"
    path.write_bytes(b"PK\3\4 a workbook")
    with pytest.raises(UnknownFormError, match=r"^trends\.xlsx is of no form that is read") as told:
        read_rows(path, "trends", USUAL)
    one = unreadable("trends-saved", told.value)
    assert (one.faults, one.untried) == ([], str(told.value))
    assert unreadable("trends-saved", SubjectError("damaged")).faults == ["damaged"]


def test_reading_writes_nothing(database: Path) -> None:
    before = {path.name: path.read_bytes() for path in database.parent.iterdir()}
    read_rows(database, "trends", USUAL)
    assert {path.name: path.read_bytes() for path in database.parent.iterdir()} == before
