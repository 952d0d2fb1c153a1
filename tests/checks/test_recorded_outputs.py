"""An output is recorded as another job will get it, or refused in one line when it is made."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proofbook.checks import Checks
from proofbook.checks.journal import JOB_FOLDER, Journal, open_journal
from proofbook.errors import UsageError
from proofbook.files import hash_file
from proofbook.project import Project
from proofbook.records import Finish, Output
from proofbook.runs.folder import read_records
from proofbook.runs.redaction import Redactor


@pytest.fixture
def checks(tmp_path: Path) -> Checks:
    (tmp_path / "tmp").mkdir()
    journal = Journal(folder=tmp_path, media=tmp_path / "media", temporary=tmp_path / "tmp")
    return Checks("demo/one", journal=journal)


def outputs(checks: Checks) -> list[Output]:
    records, unreadable = read_records(checks.folder / "records.jsonl")
    assert unreadable == 0
    return [record for record in records if isinstance(record, Output)]


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        ("a text", "a text"),
        ("", ""),
        (None, None),
        (True, True),
        (10**30, 10**30),
        (0.1, 0.1),
        ((1, [2]), [1, [2]]),
        ({"id": {"kind": ["ü", None]}}, {"id": {"kind": ["ü", None]}}),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        ("x" * 10_000, "x" * 10_000),
        (list(range(1_000)), list(range(1_000))),
    ],
)
def test_a_value_is_recorded_whole_and_in_its_type(
    checks: Checks, value: object, recorded: object
) -> None:
    checks.output("result", value)
    [output] = outputs(checks)
    assert (output.name, output.value, output.content) == ("result", recorded, None)
    assert type(output.value) is type(recorded)


class _Endless(list[Any]):
    def __init__(self) -> None:
        super().__init__([self])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "JSON has no float nan"),
        ({"a": [1, math.inf]}, r"JSON has no float inf, at \['a'\]\[1\]"),
        ({1: 2}, "JSON has no key 1"),
        ({"a": {None: 2}}, r"JSON has no key None, at \['a'\]"),
        ({1, 2}, r"JSON has no set \{1, 2\}"),
        (b"x", "JSON has no bytes"),
        ([Path("x")], r"JSON has no PosixPath .*, at \[0\]"),
        (np.zeros(3), "JSON has no ndarray"),
        ("\udc80", "JSON has no str"),
        (_Endless(), "contains itself"),
    ],
)
def test_a_value_that_json_does_not_have_is_one_line(
    checks: Checks, value: object, message: str
) -> None:
    with pytest.raises(UsageError, match=f"^output 'result': .*{message}") as error:
        checks.output("result", value)
    assert "\n" not in str(error.value)
    assert outputs(checks) == []


def test_a_file_is_recorded_with_its_bytes(checks: Checks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checks.folder)
    Path("model.bin").write_bytes(b"weights")
    checks.output("model", Path("model.bin"))
    [output] = outputs(checks)
    assert output.value == str(checks.folder / "model.bin")
    assert output.content is not None
    assert (output.content.form, output.content.size) == ("file", 7)
    assert output.content.sha256 == hash_file(checks.folder / "model.bin")


def test_a_folder_is_recorded_with_all_its_files(checks: Checks) -> None:
    folder = checks.folder / "model"
    (folder / "unet").mkdir(parents=True)
    (folder / "unet" / "a.bin").write_bytes(b"12345")
    (folder / "b.bin").write_bytes(b"123")
    checks.output("model", folder)
    [output] = outputs(checks)
    assert output.content is not None
    assert (output.content.form, output.content.size) == ("folder", 8)


def test_a_text_is_a_value_even_where_it_names_a_file(checks: Checks) -> None:
    (checks.folder / "a.txt").touch()
    checks.output("name", str(checks.folder / "a.txt"))
    assert outputs(checks)[0].content is None


def test_a_path_that_does_not_exist_is_one_line(checks: Checks) -> None:
    missing = checks.folder / "missing"
    with pytest.raises(UsageError, match=r"output 'model': .*/missing does not exist$") as error:
        checks.output("model", missing)
    assert "\n" not in str(error.value)


def test_what_is_neither_a_file_nor_a_folder_is_one_line(checks: Checks) -> None:
    os.mkfifo(checks.folder / "pipe")
    with pytest.raises(UsageError, match="is neither a file nor a folder"):
        checks.output("pipe", checks.folder / "pipe")


@pytest.mark.parametrize("path", ["tmp", "tmp/model.bin", "link/model.bin", "tmp/../tmp"])
def test_a_path_that_vanishes_with_the_job_is_one_line(checks: Checks, path: str) -> None:
    (checks.folder / "tmp" / "model.bin").touch()
    (checks.folder / "link").symlink_to(checks.folder / "tmp")
    with pytest.raises(UsageError, match="is in TMPDIR, which is removed") as error:
        checks.output("model", checks.folder / path)
    assert "\n" not in str(error.value)


def test_a_path_that_only_passes_through_tmpdir_stays(checks: Checks) -> None:
    (checks.folder / "model").mkdir()
    checks.output("model", checks.folder / "tmp" / ".." / "model")
    assert len(outputs(checks)) == 1


def test_tmpdir_counts_only_within_a_run(project: Project, tmp_path: Path) -> None:
    environment = {"TMPDIR": str(tmp_path)}
    assert open_journal("demo/one", environment).temporary is None
    environment[JOB_FOLDER] = str(tmp_path / "job")
    assert open_journal("demo/one", environment).temporary == tmp_path


def test_the_same_name_twice_is_refused_and_a_failed_call_takes_no_name(checks: Checks) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        checks.output("model", checks.folder / "missing")
    checks.output("model", 1)
    with pytest.raises(UsageError, match="two outputs are called 'model'"):
        checks.output("model", 2)
    assert [output.value for output in outputs(checks)] == [1]


@pytest.mark.parametrize("name", ["", "a b", "a.b", "-a", "a}}"])
def test_a_name_that_no_profile_can_write_is_refused(checks: Checks, name: str) -> None:
    with pytest.raises(UsageError, match="a name consists of letters"):
        checks.output(name, 1)


def test_outputs_are_counted(checks: Checks) -> None:
    checks.output("a", 1)
    checks.output("b", 2)
    checks.expect("one", True)
    checks.finish()
    records, _ = read_records(checks.folder / "records.jsonl")
    assert isinstance(records[-1], Finish)
    assert records[-1].counts == {"begin": 1, "output": 2, "check": 1}


@pytest.mark.parametrize("value", ["hush-very-secret", {"id": ["x hush-very-secret"]}])
def test_a_secret_is_refused_unseen(tmp_path: Path, value: object) -> None:
    redact = Redactor.from_environment({"DEMO_TOKEN": "hush-very-secret"})
    checks = Checks("demo/one", journal=Journal(folder=tmp_path, media=tmp_path, redact=redact))
    with pytest.raises(UsageError, match="output 'key' holds the value of a secret") as error:
        checks.output("key", value)
    assert "hush" not in str(error.value)
    assert "hush" not in (tmp_path / "records.jsonl").read_text()


def test_a_folder_with_a_secret_in_a_name_is_refused_unseen(tmp_path: Path) -> None:
    redact = Redactor.from_environment({"DEMO_TOKEN": "hush-very-secret"})
    (tmp_path / "model" / "deep-hush-very-secret").mkdir(parents=True)
    (tmp_path / "right" / "hush").mkdir(parents=True)
    checks = Checks("demo/one", journal=Journal(folder=tmp_path, media=tmp_path, redact=redact))
    with pytest.raises(UsageError, match="the name of a file in it holds the value of DEMO_TOKEN"):
        checks.output("model", tmp_path / "model")
    checks.output("right", tmp_path / "right")
    assert "hush-very" not in (tmp_path / "records.jsonl").read_text()
