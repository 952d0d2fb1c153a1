"""The eight steps on a pipeline of another layout: green as it is, red for each planted command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from layouts_of_pipelines import second_config
from pydantic import ValidationError
from waiting import HANG, growing

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.end_to_end.config import STEPS
from proofbook_systems.pipeline.end_to_end.missing_sound import judge_missing_sound
from proofbook_systems.pipeline.end_to_end.results import judge_clean_up, write_results
from proofbook_systems.pipeline.end_to_end.steps import take
from proofbook_systems.pipeline.end_to_end.together import judge_at_once
from proofbook_systems.pipeline.end_to_end.walk import Step, Walk, begin
from proofbook_systems.pipeline.findings import blamed
from proofbook_systems.pipeline.stages import run_stage


@pytest.fixture(scope="module")
def whole(
    second_project: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Walk, list[Step]]:
    walk = begin(second_config(second_project), tmp_path_factory.mktemp("walk") / "w")
    return walk, [take(walk, step) for step in STEPS]


def step_of(project: Path, folder: Path, *names: str, **changes: Any) -> Step:
    """Take steps, and return the last."""
    walk = begin(second_config(project, **changes), folder / "w")
    return [take(walk, name) for name in names][-1]


def faults_of(step: Step) -> str:
    return "; ".join(f"{each.name}: {fault}" for each in step.findings for fault in each.faults)


def test_the_whole_walk_is_green(whole: tuple[Walk, list[Step]]) -> None:
    for step in whole[1]:
        assert faults_of(step) == "", step.name


def test_the_users_project_is_not_written_into(
    whole: tuple[Walk, list[Step]], second_project: Path
) -> None:
    assert [path.name for path in second_project.iterdir()] == ["pipe.py"]


def test_results_are_the_checklists_table(whole: tuple[Walk, list[Step]], tmp_path: Path) -> None:
    walk, steps = whole
    path = write_results(
        walk, steps, tmp_path / "r.md", environment="Staging", now=datetime(2026, 1, 2)
    )
    text = path.read_text()
    assert "## E2E Test Report - 2026-01-02" in text
    assert "| 3. Generate Script | PASS |" in text
    assert "**Overall Result:** PASS, until a person has looked" in text


def test_results_of_some_steps_do_not_read_as_done(second_project: Path, tmp_path: Path) -> None:
    walk = begin(second_config(second_project, steps=["environment", "trends"]), tmp_path / "w")
    steps = [take(walk, step) for step in STEPS]
    assert steps[2].findings == []
    path = write_results(walk, steps, tmp_path / "r.md", environment="", now=datetime(2026, 1, 2))
    assert "**Overall Result:** INCOMPLETE" in path.read_text()
    assert "| 3. Generate Script | not run | | |" in path.read_text()


def test_a_job_goes_on_with_what_another_has_left(
    whole: tuple[Walk, list[Step]], second_project: Path, tmp_path: Path
) -> None:
    """The film's parts are there, in a copy; a step that is run again alone passes again."""
    earlier = whole[0]
    config = second_config(second_project, steps=["audio"], workspace=str(earlier.folder))
    walk = begin(config, tmp_path / "w")
    assert walk.episode == earlier.episode
    assert walk.workspace.folder != earlier.workspace.folder
    step = take(walk, "audio")
    assert faults_of(step) == ""
    assert list(walk.notes.steps) == list(earlier.notes.steps)


def test_films_at_the_same_time_are_told_apart(whole: tuple[Walk, list[Step]]) -> None:
    found = judge_at_once(whole[0])
    assert (found.faults, found.untried) == ([], "")


def test_one_command_may_leave_everything(second_project: Path, tmp_path: Path) -> None:
    """What has no command of its own is judged where another one has left it."""
    code = (
        "import runpy, sys\nfor words in (['library'], ['fetch'], ['write', 'e1'], "
        "['voice', 'e1'], ['choose', 'e1']):\n    sys.argv = ['pipe.py', *words]; "
        "runpy.run_path('pipe.py', run_name='__main__')"
    )
    walk = begin(second_config(second_project, commands={"script": python(code)}), tmp_path / "w")
    steps = {name: take(walk, name) for name in STEPS if name not in ("environment", "trends")}
    assert [faults_of(step) for step in steps.values()][:3] == ["", "", ""]
    judged = {each.name: each.untried for each in steps["audio"].findings}
    assert judged["audio-for-each-line"] == ""
    assert "commands has no video" in steps["video"].findings[0].untried


def test_what_is_neither_run_nor_declared_is_told(second_project: Path, tmp_path: Path) -> None:
    config = second_config(second_project, paths={}, commands={})
    walk = begin(config, tmp_path / "w")
    for name in STEPS:
        step = take(walk, name)
        assert faults_of(step) == ""
        assert all(each.untried for each in step.findings), name
    assert judge_at_once(walk).untried == "commands has no script"


@pytest.mark.exhaustive
def test_a_film_written_without_times_is_late_by_the_encoders_delay(
    second_project: Path, tmp_path: Path
) -> None:
    """PyAV does not tell the muxer of AAC's first 1,024 samples where a block has no time."""
    program = (second_project / "pipe.py").read_text()
    timed = "block.rate, block.pts, block.time_base = RATE, 0, Fraction(1, RATE)"
    assert timed in program
    project = tmp_path / "untimed"
    project.mkdir()
    (project / "pipe.py").write_text(program.replace(timed, "block.rate = RATE"))
    step = step_of(project, tmp_path, *STEPS[:6])
    assert blamed(step.findings) == ["dialogue-in-time"]
    assert "the whole sound is 46 ms later" in faults_of(step)


def python(code: str) -> list[str]:
    return ["{python}", "-c", code]


COMMANDS = [
    ("trends", python("pass"), "trends-leaves-its-artefacts: it exited with code 0, and trends_db"),
    ("trends", python("raise SystemExit('feed: 503')"), "trends-ends-well: trends exited"),
    ("script", python("pass"), "script-leaves-its-artefacts: it exited with code 0, and script"),
    ("script", python("import time; time.sleep(600)"), "script took longer than "),
    ("script", python("open('{script}', 'w').write('No.')"), "is not JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "command", "words"), COMMANDS)
def test_a_stage_that_does_not_do_its_work_is_named(
    second_project: Path, tmp_path: Path, stage: str, command: list[str], words: str
) -> None:
    if "{script}" in command[-1]:
        command = python("import pathlib; p = pathlib.Path(r'{script}'); "
                         "p.parent.mkdir(parents=True); p.write_text('No.')")  # fmt: skip
    config = second_config(second_project)
    commands = {**config.commands, stage: command}
    for bound in growing(2.0) if "longer" in words else (HANG,):  # every command has as long
        folder = tmp_path / f"within-{bound:g}"
        folder.mkdir()
        step = step_of(second_project, folder, stage, commands=commands, timeout=bound)
        if words in faults_of(step):
            return
    pytest.fail(faults_of(step))


def test_an_error_of_an_api_that_is_passed_over_is_named(
    second_project: Path, tmp_path: Path
) -> None:
    config = second_config(second_project)
    code = (
        "import runpy, sys; print('WARNING: HTTP 429 Too Many Requests, going on'); "
        "sys.argv = ['pipe.py', 'fetch']; runpy.run_path('pipe.py', run_name='__main__')"
    )
    step = step_of(
        second_project, tmp_path, "trends", commands={**config.commands, "trends": python(code)}
    )
    assert blamed(step.findings) == ["trends-no-api-errors"]


def test_a_script_of_an_earlier_start_is_not_taken_for_this_ones(
    second_project: Path, tmp_path: Path
) -> None:
    import os

    config = second_config(second_project)
    old = second_project.parent / "old"
    (old / "work" / "e1").mkdir(parents=True)
    (old / "pipe.py").write_text((second_project / "pipe.py").read_text())
    scene = old / "work" / "e1" / "scene.json"
    scene.write_text('{"lines": []}')
    os.utime(scene, (1, 1))
    step = step_of(old, tmp_path, "script", commands={**config.commands, "script": python("pass")})
    assert "script work/e1/scene.json is from before this start" in faults_of(step)


SHARED = """
import pathlib, runpy, shutil, sys, time
stage, name = sys.argv[1:]
scene = pathlib.Path("work", name, "scene.json")
if stage == "voice":
    shutil.copy(scene, "last.json")
    pathlib.Path(f"{name}.here").touch()
    deadline = time.monotonic() + 60
    while len([*pathlib.Path().glob("*.here")]) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    own = scene.read_bytes()
    shutil.copy("last.json", scene)
runpy.run_path("pipe.py", run_name="__main__")
if stage == "voice":
    scene.write_bytes(own)
"""
"""A stage that keeps the script it works on in one place, whatever the film."""


def test_films_that_get_each_others_lines_are_named(second_project: Path, tmp_path: Path) -> None:
    project = tmp_path / "shared"
    project.mkdir()
    program = (second_project / "pipe.py").read_text()
    (project / "pipe.py").write_text(
        program.replace('"audio_file": file,', '"audio_file": file, "text": line["line"],')
    )
    (project / "shared.py").write_text(SHARED)
    config = second_config(project)
    commands = {**config.commands, "audio": ["{python}", "shared.py", "voice", "{episode}"]}
    walk = begin(second_config(project, commands=commands), tmp_path / "w")
    for step in ("environment", "trends", "script"):
        take(walk, step)
    assert "line 1 says" in judge_at_once(walk).faults[0]


def test_a_place_that_all_films_share_is_told(second_project: Path, tmp_path: Path) -> None:
    paths = {**second_config(second_project).paths, "selections": "shown.json"}
    walk = begin(second_config(second_project, paths=paths), tmp_path / "w")
    assert "selections has one place for all films (shown.json)" in judge_at_once(walk).untried


def test_the_clean_up_is_judged_in_a_copy(
    whole: tuple[Walk, list[Step]], second_project: Path, tmp_path: Path
) -> None:
    earlier = whole[0]

    def cleaned(code: str, name: str) -> list[str]:
        commands = {**earlier.config.commands, "cleanup": python(code)}
        config = second_config(
            second_project, commands=commands, steps=["metadata"], workspace=str(earlier.folder)
        )
        return judge_clean_up(begin(config, tmp_path / name)).faults

    right = "import shutil; shutil.rmtree('work/e1')"
    assert cleaned(right, "right") == []
    assert "script is still there: scene.json" in cleaned("pass", "idle")
    assert cleaned(f"{right}; shutil.rmtree('pictures')", "eager")[0].startswith("pictures/")
    all_films = cleaned("import shutil; shutil.rmtree('work')", "all")
    assert re.match(r"work/[^/]+/scene.json of another film was removed, too", all_films[0])
    delete = "import sqlite3; d = sqlite3.connect('db/numbers.sqlite'); d.execute('DELETE FROM video_metadata{}'); d.commit()"  # noqa: E501
    mine = delete.format(' WHERE video_id = "e1"').replace('"', '\\"')
    assert cleaned(f"{right}; {mine}", "rows") == []
    assert cleaned(f"{right}; {delete.format('')}", "greedy") == [
        "1 of 1 rows of another film were removed"
    ]
    assert (earlier.path("video")).is_file()


def test_a_film_that_passes_over_a_sound_that_is_gone_is_named(
    whole: tuple[Walk, list[Step]], second_project: Path, tmp_path: Path
) -> None:
    program = (second_project / "pipe.py").read_text()
    line = 'for line in times["lines"]:'
    assert line in program
    passing = f"{line}\n        if not (place / line['audio_file']).exists():\n            continue"
    begins = "import sys; sys.argv = ['pipe.py', 'assemble', 'e1']; text = open('pipe.py').read(); "
    changes = {"strict": "", "passing": f"text = text.replace({line!r}, {passing!r}); "}
    found = {}
    for name, change in changes.items():
        words = f"{begins}{change}exec(compile(text, 'pipe.py', 'exec'))"
        commands = {**whole[0].config.commands, "video": python(words)}
        config = second_config(
            second_project, commands=commands, steps=["video"], workspace=str(whole[0].folder)
        )
        walk = begin(config, tmp_path / name)
        timeline = walk.timeline(walk.script())
        found[name] = judge_missing_sound(walk, timeline)[0].faults
    assert found["strict"] == []
    assert found["passing"] == [
        "video exited with code 0 without take-3-anna.wav, the sound of line 4"
    ]


def test_a_later_step_without_a_workspace_is_refused_at_once(second_project: Path) -> None:
    with pytest.raises(ValidationError, match="give workspace"):
        second_config(second_project, steps=["video"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": ["audit"]}, "there is no step 'audit'"),
        ({"commands": {"film": ["x"]}}, "there is no stage 'film'"),
        ({"paths": {"film": "x"}}, "there is no artefact 'film'"),
        ({"episode": "../e1"}, "episode"),
    ],
)
def test_bad_parameters_are_refused_at_once(
    second_project: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError) as told:
        second_config(second_project, **changes)
    assert words in str(told.value)


def test_a_workspace_that_is_none_is_one_line(second_project: Path, tmp_path: Path) -> None:
    config = second_config(second_project, steps=["audio"], workspace=str(tmp_path))
    with pytest.raises(SubjectError, match="is none that pipeline/end_to_end has left"):
        begin(config, tmp_path / "w")


@pytest.fixture(autouse=True)
def quiet_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("SECOND_KEY", raising=False)
    yield


VALIDATION = {
    "honest": "import os, sqlite3; assert os.environ.get('SECOND_KEY'); "
    "sqlite3.connect('db/pictures.sqlite').execute('SELECT count(*) FROM image_library')",
    "blind": "print('All checks passed')",
    "half": "import os; assert os.environ.get('SECOND_KEY')",
}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("honest", ""),
        ("blind", "validate exits with code 0 without SECOND_KEY"),
        ("half", "validate exits with code 0 where pictures.sqlite is no database"),
    ],
)
def test_a_validation_that_notices_nothing_is_named(
    second_project: Path, tmp_path: Path, kind: str, words: str
) -> None:
    config = second_config(second_project)
    commands = {**config.commands, "validate": python(VALIDATION[kind].replace("{", "{{"))}
    step = step_of(
        second_project, tmp_path, "environment", commands=commands, keys=["SECOND_KEY"],
        environment={"SECOND_KEY": "value"},
    )  # fmt: skip
    assert words in faults_of(step) if words else faults_of(step) == ""


FOLDERS = {
    "honest": ("for x in ('db', 'out/films'): assert pathlib.Path(x).is_dir(); print('ok', x)", ""),
    "makes them": ("pathlib.Path('out/films').mkdir(parents=True, exist_ok=True); "
                   "print('out/films is there')", ""),
    "warns": ("print('out/films', pathlib.Path('out/films').is_dir())", ""),
    "says nothing": ("print('All checks passed')", ""),
    "blind": ("print('ok out/films')",
              "validate exits with code 0 and says 'ok out/films' without out/films"),
    "removes": ("import shutil; shutil.rmtree('out/films')",
                "environment-validates: validate removed the folder out/films"),
    "clears a cache": ("import shutil; shutil.rmtree('out/.cache')", ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_validation_is_held_to_what_it_says_of_folders(tmp_path: Path, kind: str) -> None:
    code, words = FOLDERS[kind]
    project = tmp_path / "folders"
    for name in ("db", "out/films", "out/.cache"):
        (project / name).mkdir(parents=True)
    commands = {"validate": python(f"import pathlib; exec({code!r})")}
    step = step_of(project, tmp_path, "environment", commands=commands, paths={})
    assert words in faults_of(step) if words else faults_of(step) == ""


def test_an_unset_key_is_named(second_project: Path, tmp_path: Path) -> None:
    step = step_of(second_project, tmp_path, "environment", keys=["SECOND_KEY"])
    assert "keys-set: SECOND_KEY is not set" in faults_of(step)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        ("x * 0", "line-sounds-audible"),
        ("x[: len(x) // 2]", "line-durations"),
        ("(x * 15).clip(-1, 1)", "line-sounds-clean"),
    ],
)
def test_a_spoilt_sound_is_found_where_it_was_made(
    second_project: Path, tmp_path: Path, spoil: str, name: str
) -> None:
    code = (
        "import runpy, soundfile, sys; sys.argv = ['pipe.py', 'voice', 'e1']; "
        "runpy.run_path('pipe.py', run_name='__main__'); path = 'work/e1/take-2-cy.wav'; "
        f"x, rate = soundfile.read(path); soundfile.write(path, {spoil}, rate)"
    )
    commands = {**second_config(second_project).commands, "audio": python(code)}
    step = step_of(second_project, tmp_path, *STEPS[:4], commands=commands)
    assert blamed(step.findings)[0] == name
    assert f"{name}: line 3: take-2-cy.wav" in faults_of(step)


@pytest.mark.parametrize("episode", ["../../out", "a/b", "x" * 300, "line\nbreak"])
def test_a_hostile_name_of_a_film_keeps_the_log_in_its_folder(
    second_project: Path, tmp_path: Path, episode: str
) -> None:
    walk = begin(second_config(second_project), tmp_path / "w")
    run = run_stage(walk.workspace, "script", episode, command=python("print('hello')"))
    assert run.last_words == "hello"
    (log,) = walk.workspace.logs.rglob("*.log")
    assert log.parent == walk.workspace.logs
    assert log.read_text().strip() == "hello"


def test_a_validation_that_nothing_can_be_taken_from_is_told(tmp_path: Path) -> None:
    project = tmp_path / "bare"
    project.mkdir()
    commands = {"validate": python("pass"), "init": python("pass")}
    step = step_of(project, tmp_path, "environment", commands=commands, paths={})
    told = {each.name: each.untried for each in step.findings}
    assert "keys-set" not in told
    assert told["databases-ready"] == "paths has no database"
    assert "neither a key nor a database" in told["validation-notices"]


DOTENV = (
    "import os, pathlib; lines = pathlib.Path('keys.env').read_text().splitlines(); "
    "known = dict(x.split('=', 1) for x in lines); "
    "assert os.environ.get('SECOND_KEY', known['SECOND_KEY'])"
)


@pytest.mark.parametrize(("code", "words"), [(DOTENV, ""), ("pass", "without SECOND_KEY")])
def test_keys_may_be_set_in_a_file(tmp_path: Path, code: str, words: str) -> None:
    project = tmp_path / "keys"
    project.mkdir()
    (project / "keys.env").write_text('OTHER=1\nSECOND_KEY="a-value"\n')
    step = step_of(
        project, tmp_path, "environment", keys=["SECOND_KEY"], env_file="keys.env",
        commands={"validate": python(code)},
    )  # fmt: skip
    assert words in faults_of(step) if words else faults_of(step) == ""
    assert (project / "keys.env").read_text() == 'OTHER=1\nSECOND_KEY="a-value"\n'
