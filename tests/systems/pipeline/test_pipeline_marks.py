"""How a film is marked as generated, and whether its rows name it, in a database of its own."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from layouts_of_pipelines import second_config

from proofbook_systems.pipeline.end_to_end.last_steps import take_metadata
from proofbook_systems.pipeline.end_to_end.steps import take
from proofbook_systems.pipeline.end_to_end.walk import Walk, begin
from proofbook_systems.pipeline.findings import Finding, blamed

PATHS = {"metrics_db": "m.sqlite", "video": "films/{episode}.mp4"}
STAGES = "CREATE TABLE generation_metrics (episode, stage, duration_seconds, timestamp, status)"
MARKS = "CREATE TABLE episodes (episode TEXT PRIMARY KEY, status TEXT, video_path TEXT)"


def run(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def project_of(folder: Path, *statements: str) -> Path:
    folder.mkdir()
    run(folder / "m.sqlite", STAGES, *statements)
    return folder


def judged(
    project: Path, work: Path, *statements: str, films: tuple[str, ...] = ("e1",), **changes: Any
) -> tuple[Walk, dict[str, Finding]]:
    given = {"paths": PATHS, "commands": {}, "steps": []} | changes
    walk = begin(second_config(project, **given), work)
    (walk.workspace.folder / "films").mkdir()
    for name in films:
        (walk.workspace.folder / "films" / f"{name}.mp4").write_bytes(b"film")
    row = "INSERT INTO generation_metrics VALUES ('e1', 'video', 0.01, strftime('%s'), 'ok')"
    run(walk.workspace.folder / "m.sqlite", row, *statements)
    return walk, {each.name: each for each in take_metadata(walk).findings}


def mark(episode: str = "e1", status: str = "generated", video: str = "films/e1.mp4") -> str:
    return f"INSERT INTO episodes VALUES ('{episode}', '{status}', '{video}')"


@pytest.mark.parametrize("video", ["films/e1.mp4", "e1.mp4", "", "https://cdn.example/e1.mp4"])
def test_a_film_that_is_marked_is_right(tmp_path: Path, video: str) -> None:
    project = project_of(tmp_path / "p", MARKS, mark("e0", "posted", "films/e0.mp4"))
    found = judged(project, tmp_path / "w", mark(video=video))[1]
    assert blamed(found.values()) == []
    assert found["episode-marked"].untried == ""


@pytest.mark.parametrize(
    ("rows", "name", "words"),
    [
        ((), "episode-marked", "episodes has no new row of e1"),
        ((mark(status="pending"),), "episode-marked", "its status is 'pending'"),
        ((mark(video="films/x.mp4"),), "film-named", "x.mp4, which is not there; the film is"),
    ],
)
def test_a_film_that_is_marked_wrongly_is_named(
    tmp_path: Path, rows: tuple[str, ...], name: str, words: str
) -> None:
    found = judged(project_of(tmp_path / "p", MARKS), tmp_path / "w", *rows)[1]
    assert blamed(found.values()) == [name]
    assert words in found[name].faults[0]


def test_a_mark_from_before_is_none(tmp_path: Path) -> None:
    project = project_of(tmp_path / "p", MARKS, mark())
    found = judged(project, tmp_path / "w")[1]
    assert blamed(found.values()) == ["episode-marked"]


def test_a_film_from_before_is_not_this_one(tmp_path: Path) -> None:
    project = project_of(tmp_path / "p", MARKS)
    walk, _ = judged(project, tmp_path / "w", mark(video="films/old.mp4"), films=("e1", "old"))
    old = walk.workspace.folder / "films" / "old.mp4"
    assert blamed(take_metadata(walk).findings) == []  # made beside the film, for another platform
    os.utime(old, (1, 1))
    found = {x.name: x.faults for x in take_metadata(walk).findings}
    assert "old.mp4, which is from before" in found["film-named"][0]


def test_a_table_of_something_else_is_told_and_not_blamed(tmp_path: Path) -> None:
    """Episodes of a podcast that films are made of: none of them is a film's mark."""
    project = project_of(tmp_path / "p", MARKS, mark("Talk 7", "downloaded", ""))
    found = judged(project, tmp_path / "w")[1]
    assert blamed(found.values()) == []
    assert "none marks a film" in found["episode-marked"].untried


def test_a_table_of_marks_may_be_called_otherwise(tmp_path: Path) -> None:
    project = project_of(tmp_path / "p", MARKS.replace("episodes", "shorts"))
    names = {"marks.table": "shorts"}
    found = judged(project, tmp_path / "w", names=names)[1]
    assert found["episode-marked"].faults == ["shorts has no new row of e1"]


def test_metrics_that_could_not_be_read_before_are_never_green(tmp_path: Path) -> None:
    project = tmp_path / "p"
    project.mkdir()
    (project / "m.sqlite").write_bytes(b"This is no database. " * 99)
    walk = begin(second_config(project, paths=PATHS, commands={}), tmp_path / "w")
    (walk.workspace.folder / "m.sqlite").unlink()
    row = "INSERT INTO generation_metrics VALUES ('e1', 'video', 0.01, strftime('%s'), 'ok')"
    run(walk.workspace.folder / "m.sqlite", STAGES, row)
    found = take_metadata(walk).findings
    assert all("it could not be read before: database" in each.untried for each in found)


REPAIRS = """
import pathlib, sqlite3
path = pathlib.Path('t.sqlite')
path.unlink()
database = sqlite3.connect(path)
database.execute('CREATE TABLE trends (name, score, timestamp)')
database.executemany("INSERT INTO trends VALUES (?, 0.5, strftime('%s'))", [(n,) for n in 'abcdef'])
database.commit()
"""


@pytest.mark.parametrize("begins_with", [b"", b"This is no database. " * 99])
def test_trends_of_an_empty_file_count_and_of_a_damaged_one_are_untried(
    tmp_path: Path, begins_with: bytes
) -> None:
    project = tmp_path / "p"
    project.mkdir()
    (project / "t.sqlite").write_bytes(begins_with)
    commands = {"trends": ["{python}", "-c", REPAIRS]}
    config = second_config(project, paths={"trends_db": "t.sqlite"}, commands=commands)
    step = take(begin(config, tmp_path / "w"), "trends")
    judged_ = {x.name: x.untried for x in step.findings if x.name.startswith("trends-")}
    assert blamed(step.findings) == []
    assert judged_["trends-saved"][:27] == ("it could not be read before" if begins_with else "")
