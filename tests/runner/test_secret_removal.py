"""What was written before a secret was known has none when the job ends."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from proofbook.records import Check
from proofbook.runner.secret_removal import remove_secrets
from proofbook.runs.folder import JobFolder
from proofbook.runs.redaction import Redactor

SECRET, MARK = "Zq81xyzwAb", "[redacted:A_TOKEN]"


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    folder = JobFolder(tmp_path / "job")
    folder.work.mkdir(parents=True)
    return folder


def remove(folder: JobFolder, *, from_log: bool = True) -> None:
    remove_secrets(folder, Redactor({SECRET: "A_TOKEN", "passed": "A_PASSWORD"}), from_log=from_log)


def test_records_are_cleaned_by_their_schema_line_by_line(folder: JobFolder) -> None:
    check = Check(name="one", status="passed", actual=f"é {SECRET}").model_dump_json()
    torn = f'{{"kind": "check", "name": "{SECRET}'
    folder.records.write_text(f"{check}\n\n{torn}")
    remove(folder)
    first, empty, last = folder.records.read_text().split("\n")
    values = json.loads(first)
    assert (values["status"], values["actual"]) == ("passed", f"é {MARK}")
    assert "é" in first
    assert (empty, last) == ("", torn.replace(SECRET, MARK))


def test_records_without_a_secret_are_not_written_again(folder: JobFolder) -> None:
    check = Check(name="one", status="passed").model_dump_json()
    folder.records.write_text(check + "\n")
    before = folder.records.stat().st_ino
    remove(folder)
    assert folder.records.read_text() == check + "\n"
    assert folder.records.stat().st_ino == before


@pytest.mark.parametrize("from_log", [True, False])
def test_the_jobs_own_log_is_cleaned_where_that_is_asked(folder: JobFolder, from_log: bool) -> None:
    folder.log.write_bytes(f"\xff {SECRET}\n".encode("latin-1"))
    remove(folder, from_log=from_log)
    assert (MARK.encode() in folder.log.read_bytes()) is from_log
    assert folder.log.read_bytes().startswith(b"\xff ")


def test_logs_of_programs_are_cleaned_and_nothing_else(folder: JobFolder, tmp_path: Path) -> None:
    (folder.work / "deep").mkdir()
    (folder.work / "folder.log").mkdir()
    elsewhere = tmp_path / "elsewhere.log"
    for path in (folder.work / "deep" / "a.log", folder.work / "a.txt", elsewhere):
        path.write_text(SECRET)
    (folder.work / "link.log").symlink_to(elsewhere)
    remove(folder)
    assert (folder.work / "deep" / "a.log").read_text() == MARK
    assert (folder.work / "a.txt").read_text() == SECRET
    assert elsewhere.read_text() == SECRET


def test_names_of_what_a_job_leaves_have_no_secret(folder: JobFolder, tmp_path: Path) -> None:
    encoded = base64.b64encode(SECRET.encode()).decode()
    places = [f"{SECRET}/deep/{SECRET}.txt", f"x-{SECRET}.txt", f"{MARK}.txt", f"k={encoded}"]
    for place in places:
        path = folder.work / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(place)
    (tmp_path / f"{SECRET}.md").touch()
    (folder.work / f"link-{SECRET}").symlink_to(tmp_path)
    (folder.work / f"{SECRET}.txt").touch()
    (folder.work / "passed").mkdir()
    (folder.work / "passed" / "a.txt").touch()
    remove(folder)
    left = {path.relative_to(folder.work).as_posix() for path in folder.work.rglob("*")}
    assert left == {
        MARK, f"{MARK}/deep", f"{MARK}/deep/{MARK}.txt", f"x-{MARK}.txt", f"{MARK}.txt",
        f"{MARK}-2.txt", f"k={MARK}", f"link-{MARK}", "passed", "passed/a.txt",
    }  # fmt: skip
    assert (folder.work / f"{MARK}.txt").read_text() == f"{MARK}.txt"
    assert (tmp_path / f"{SECRET}.md").exists()


def test_a_work_folder_may_be_missing_or_lead_elsewhere(folder: JobFolder, tmp_path: Path) -> None:
    folder.work.rmdir()
    remove(folder)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.log").write_text(SECRET)
    folder.work.symlink_to(tmp_path / "other")
    remove(folder)
    assert (tmp_path / "other" / "a.log").read_text() == SECRET
