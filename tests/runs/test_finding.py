"""Runs are found by name, and one that cannot be read hides no other."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from unprivileged import without_rights

from proofbook.errors import RunFolderError
from proofbook.records import RunInfo, now
from proofbook.runs.finding import find_run, iter_runs, next_stamp, read_runs, run_folders
from proofbook.runs.folder import RunFolder

NAMES = ("20260101-a", "20260102-b", "20260102-bb", "20260103-c")


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Four runs of two profiles, and a folder that is not a run."""
    for number, name in enumerate(NAMES):
        (tmp_path / name).mkdir()
        profile = "tiny" if number < 3 else "big"
        info = RunInfo(run_id=name, profile=profile, plan=(), started=now() - timedelta(days=9))
        RunFolder(tmp_path / name).write_info(info)
    (tmp_path / "interactive").mkdir()
    return tmp_path


def test_runs_are_listed_newest_first(outputs: Path) -> None:
    assert [run.path.name for run in iter_runs(outputs)] == list(NAMES[::-1])
    assert [info.run_id for _, info in read_runs(outputs)] == list(NAMES[::-1])


def test_runs_are_narrowed_to_those_that_have_a_file(outputs: Path) -> None:
    (outputs / "20260102-b" / "signoffs.jsonl").touch()
    found = read_runs(outputs, with_file="signoffs.jsonl")
    assert [info.run_id for _, info in found] == ["20260102-b"]


@pytest.mark.parametrize(
    ("name", "profile", "expected"),
    [
        ("latest", None, "20260103-c"),
        ("latest", "tiny", "20260102-bb"),
        ("latest", "parameters/tiny.yaml", "20260102-bb"),
        ("20260101", None, "20260101-a"),
        ("20260102-b", None, "20260102-b"),
    ],
)
def test_a_run_is_found_by_its_name_or_the_beginning_of_it(
    outputs: Path, name: str, profile: str | None, expected: str
) -> None:
    assert find_run(outputs, name, profile).path == (outputs / expected).resolve()


def test_the_latest_run_is_found_where_nothing_is_asked_for(outputs: Path) -> None:
    assert find_run(outputs).path.name == "20260103-c"


def test_a_folder_names_itself(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(outputs)
    assert find_run(outputs / "elsewhere", "20260101-a").path == outputs / "20260101-a"


@pytest.mark.parametrize(
    ("name", "profile", "message"),
    [
        ("20260102", None, "2 runs in .* begin with '20260102'; give more of the name"),
        ("", None, "an empty name names no run; give an id, a folder, or latest"),
        (" ", "tiny", "an empty name names no run"),
        ("x", None, "no run 'x' in .*; the latest: 20260103-c, 20260102-bb, 20260102-b$"),
        ("latest", "huge", "there is no run of profile 'huge' in .*; make one: proofbook run"),
    ],
)
def test_a_run_that_is_not_there_is_one_line(
    outputs: Path, name: str, profile: str | None, message: str
) -> None:
    with pytest.raises(RunFolderError, match=message):
        find_run(outputs, name, profile)


def test_without_any_run_the_message_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"there is no run in .*; make one: proofbook run"):
        find_run(tmp_path)


def test_an_unreadable_run_hides_no_other_and_is_named_once(
    outputs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = outputs / "20260104-d"
    broken.mkdir()
    (broken / "run.json").write_text('{"run_id":\n "torn')
    with caplog.at_level(logging.WARNING, "proofbook.runs"):
        assert find_run(outputs).path.name == "20260103-c"
        assert len(list(iter_runs(outputs))) == len(NAMES)
    (message,) = caplog.messages
    assert message.startswith(f"left out: {broken / 'run.json'} cannot be read: ")
    assert "\n" not in message
    assert find_run(outputs, "20260104-d").path.name == "20260104-d"


MOMENT = datetime(2026, 3, 4, 9, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("names", "stamp"),
    [
        ((), "20260304-090000"),
        (("20260304-085959-tiny-aaaa",), "20260304-090000"),
        (("20260304-090000-tiny-aaaa",), "20260304-090001"),  # in one second
        (("20260304-095959-tiny-aaaa",), "20260304-100000"),  # the clock was set back
        (("20280228-235959-tiny-aaaa", "20260304-090000-tiny-aaaa"), "20280229-000000"),
        (("99991231-235959-tiny-aaaa",), "20260304-090000"),
        (("99999999-999999-tiny-aaaa",), "20260304-090000"),
        (("zebra", "20300101", "29990101-a", "20300101-1200-b"), "20260304-090000"),
    ],
)
def test_a_new_run_is_named_after_those_before_it(
    tmp_path: Path, names: tuple[str, ...], stamp: str
) -> None:
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").touch()
    assert next_stamp(tmp_path, MOMENT) == stamp


@pytest.mark.parametrize("mode", [0o000, 0o600])
def test_a_run_that_nobody_may_look_into_is_named_and_hides_no_other(
    mode: int, outputs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with without_rights(outputs / "20260103-c", mode), caplog.at_level(logging.WARNING):
        assert [run.path.name for run in run_folders(outputs)] == list(NAMES[::-1])
        assert find_run(outputs).path.name == "20260102-bb"
        assert find_run(outputs, "20260103").path.name == "20260103-c"
    assert "20260103-c/run.json cannot be read: Permission denied" in caplog.text
    assert find_run(outputs).path.name == "20260103-c"


def test_a_folder_of_runs_that_nobody_may_read_is_not_one_without_runs(outputs: Path) -> None:
    with without_rights(outputs), pytest.raises(PermissionError):
        list(run_folders(outputs))
    assert list(run_folders(outputs / "none")) == []
    assert list(run_folders(outputs / "20260103-c" / "run.json")) == []
