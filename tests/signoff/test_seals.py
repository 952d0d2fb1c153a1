"""What of a folder is sealed, and what of it is not as it was."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from made_entries import entry_of

from proofbook.runs.folder import RunFolder
from proofbook.signoff.entries import Acceptance, Change, Seal, canonical
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.sealing import (
    broken_seal,
    expected_files,
    find_changes,
    list_files,
    report_problems,
    seal_report,
    seal_run,
)

OLD, NEW, THIRD = ((1, digit * 64) for digit in "012")


def fill(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_every_file_is_listed_with_its_size_and_hash(tmp_path: Path) -> None:
    names = ["run.json", "jobs/a/output.log", "jobs/a/report/x", "jobs/a/signoffs.jsonl",
             "jobs/a/.hidden", "jobs/a/.folder/x", "media/x.wav"]  # fmt: skip
    others = ["signoffs.jsonl", "signoffs.head", "signoffs.timestamps", ".signoffs.lock", ".hidden",
              ".folder/x", ".folder/jobs/x", "report/index.html",
              "jobs/.DS_Store", "jobs/a/__pycache__/x.pyc",
              ".ipynb_checkpoints/y", "jobs/a/.ipynb_checkpoints/y",
              "jobs/a/debug.ipynb"]  # fmt: skip
    fill(tmp_path, *names, *others)
    (tmp_path / "link").symlink_to("jobs/a")
    (tmp_path / "jobs" / "none").symlink_to("nothing")
    found = list_files(tmp_path)
    sealed = {name: (len(name), hashlib.sha256(name.encode()).hexdigest()) for name in names}
    linked = {
        name: (len(target), hashlib.sha256(f"link to {target}".encode()).hexdigest())
        for name, target in (("link", "jobs/a"), ("jobs/none", "nothing"))
    }
    assert found.files == sealed | linked
    assert sorted(found.links) == ["jobs/none", "link"]
    assert set(list_files(tmp_path, lambda path: path.name).files.values()) >= {(8, "run.json")}


def test_a_seal_is_appended_with_what_was_found_changed(tmp_path: Path) -> None:
    fill(tmp_path, "run.json", "a")
    log = SignoffLog(tmp_path, "r")
    first = seal_run(RunFolder(tmp_path), log, "r")
    assert (first.number, first.run, first.changed) == (0, "r", ())
    assert first.files == list_files(tmp_path).files
    change = Change(kind="gone", path="b")
    second = seal_run(RunFolder(tmp_path), log, "r", hash_of=lambda _: "f" * 64, changed=[change])
    assert (second.number, second.changed) == (1, (change,))
    assert second.files == {"a": (1, "f" * 64), "run.json": (8, "f" * 64)}
    assert log.read().entries == (first, second)
    assert log.read().problems == ()
    assert broken_seal(tmp_path, first, ()) == []
    assert broken_seal(tmp_path, second, (), lambda _: "f" * 64) == []
    assert [each.path for each in broken_seal(tmp_path, second, ())] == ["a", "run.json"]


def accepted(number: int, **files: Any) -> Acceptance:
    return entry_of(Acceptance, number, files=files)  # type: ignore[no-any-return]


def test_what_is_accepted_later_replaces_what_was_sealed() -> None:
    seal: Seal = entry_of(Seal, 2, files={"a": OLD, "b": OLD, "c": OLD})
    assert expected_files(seal, []) == {"a": OLD, "b": OLD, "c": OLD}
    found = expected_files(seal, [
        accepted(1, a=NEW), accepted(2, a=NEW), accepted(3, b=NEW, z=NEW),
        accepted(4, b=THIRD, c=None),
    ])  # fmt: skip
    assert found == {"a": OLD, "b": THIRD, "c": None}
    assert seal.files == {"a": OLD, "b": OLD, "c": OLD}


def test_a_change_is_of_a_file_that_was_expected() -> None:
    expected = {"d": OLD, "a": OLD, "b": None, "c": None, "e": OLD}
    assert find_changes(expected, {"d": NEW, "b": OLD, "e": OLD, "f": OLD}) == [
        Change(kind="gone", path="a"),
        Change(kind="changed", path="b"),
        Change(kind="changed", path="d"),
    ]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report of two files, with its seal."""
    folder = tmp_path / "report"
    fill(folder, "index.html", "report.json")
    seal_report(folder)
    return folder


def test_a_report_is_as_it_was_written(report: Path) -> None:
    hashes = {
        name: hashlib.sha256(name.encode()).hexdigest() for name in ("index.html", "report.json")
    }
    assert (report / "seal.json").read_text() == canonical(hashes) + "\n"
    assert report_problems(report) == []
    text = (report / "seal.json").read_text()
    seal_report(report)
    assert (report / "seal.json").read_text() == text
    fill(report, "notes.txt")
    assert report_problems(report) == []
    assert report_problems(report.parent / "none") == []
    assert report_problems(report / "index.html") == []


def test_each_changed_file_of_a_report_is_named(report: Path, tmp_path: Path) -> None:
    (report / "report.json").write_text("another")
    assert report_problems(report) == ["report/report.json has been changed"]
    (report / "index.html").unlink()
    problems = ["report/index.html has been changed", "report/report.json has been changed"]
    assert report_problems(report) == problems
    fill(tmp_path, "index.html")
    (report / "index.html").symlink_to(tmp_path / "index.html")
    assert report_problems(report) == problems
    (report / "index.html").unlink()
    (report / "index.html").mkdir()
    assert report_problems(report) == problems


def test_a_reports_seal_is_gone_unreadable_or_changed(report: Path) -> None:
    path = report / "seal.json"
    whole = json.loads(path.read_text())
    for text, problem in (
        ("x", "cannot be read"), ("[]", "cannot be read"), ('{"a":1}', "cannot be read"),
        (json.dumps(whole) + "\n", "has been changed"), (canonical(whole), "has been changed"),
    ):  # fmt: skip
        path.write_text(text)
        assert report_problems(report) == [f"report/seal.json {problem}"]
    path.unlink()
    assert report_problems(report) == ["report/seal.json is gone"]
    path.mkdir()
    assert report_problems(report) == ["report/seal.json cannot be read"]


def test_a_report_vouches_only_for_files_of_its_own(report: Path) -> None:
    fill(report.parent, "run.json")
    fill(report, "inner/page.html")
    sha256 = hashlib.sha256(b"run.json").hexdigest()
    inner = hashlib.sha256(b"inner/page.html").hexdigest()
    for name, value in (("../run.json", sha256), (str(report.parent / "run.json"), sha256),
                        ("inner/page.html", inner), ("a\0b", inner),
                        ("x" * 300, inner)):  # fmt: skip
        (report / "seal.json").write_text(canonical({name: value}) + "\n")
        assert report_problems(report) == [f"report/{name} has been changed"]
