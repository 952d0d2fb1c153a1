"""A seal notices every change of a sealed file, whatever the file is called."""

from __future__ import annotations

import os
import shutil
from itertools import product
from pathlib import Path

import pytest
from reviewed_run import session_of
from unprivileged import without_rights

from proofbook.runs.folder import RunFolder
from proofbook.signoff.entries import Seal
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.sealing import (
    broken_seal,
    list_files,
    report_problems,
    seal_run,
    sealed_name,
)


def sealed(run: RunFolder) -> Seal:
    return seal_run(run, session_of(run).log, run.path.name)


def problems(run: RunFolder, seal: Seal) -> list[str]:
    return [change.text for change in broken_seal(run.path, seal, ())]


def test_a_changed_file_is_named_though_its_name_says_that_it_is_new(run: RunFolder) -> None:
    path = run.job("clip").path / "what is new.txt"
    path.write_text("before")
    seal = sealed(run)
    assert problems(run, seal) == []
    path.write_text("after!")
    assert problems(run, seal) == ["jobs/clip/what is new.txt has been changed"]
    path.unlink()
    assert problems(run, seal) == ["jobs/clip/what is new.txt is gone"]


def test_a_file_that_was_added_is_no_problem(run: RunFolder) -> None:
    seal = sealed(run)
    (run.path / "notes.txt").write_text("mine")
    assert problems(run, seal) == []


@pytest.mark.parametrize(("name", "mode"), [("kept/token", 0), ("kept", 0o600)])
def test_a_file_that_nobody_may_read_is_sealed_as_such(
    name: str, mode: int, run: RunFolder
) -> None:
    kept = run.path / "kept"
    kept.mkdir()
    (kept / "token").write_text("of the program under test")
    with without_rights(run.path / name, mode):
        seal = sealed(run)
        assert problems(run, seal) == []
    assert problems(run, seal) == ["kept/token has been changed"]
    seal = sealed(run)
    with without_rights(run.path / name, mode):
        assert problems(run, seal) == ["kept/token has been changed"]


def test_hidden_files_of_the_run_folder_are_not_sealed(run: RunFolder) -> None:
    (run.path / ".lock").touch()
    (run.job("clip").path / ".hidden").touch()
    seal = sealed(run)
    (run.path / ".lock").unlink()
    assert problems(run, seal) == []
    (run.job("clip").path / ".hidden").unlink()
    assert problems(run, seal) == ["jobs/clip/.hidden is gone"]


def test_a_review_seals_no_run_that_is_sealed(run: RunFolder) -> None:
    sealed(run)
    run.job("clip").log.write_text("another")
    session_of(run).seal()
    assert len(SignoffLog(run.path, run.path.name).read().entries) == 1


ODD_NAMES = (
    b"\xff", b"\\xff", b"\\\xff", b"\\\\xff", b"\xff\\xff", b"\\xff\xff", b"\xff\xfe", b"\\xff\xfe",
    b"\xff\\xfe", b"a\\b", b"\\x41", b"\xc3\xa4", b"\xc3", b"\\xc3\\xa4", b"\\xc3\xa4",
)  # fmt: skip
"""Bytes that are no UTF-8, and names that are written as these are shown."""


def test_no_two_names_are_one_in_a_seal(run: RunFolder) -> None:
    folder = run.job("clip").path / "odd"
    folder.mkdir()
    paths = [folder / os.fsdecode(name) for name in ODD_NAMES]
    for path in paths:
        path.write_text("before")
    seal = sealed(run)
    assert sum(name.startswith("jobs/clip/odd/") for name in seal.files) == len(ODD_NAMES)
    for path in paths[::2]:
        path.write_text("after!")
    for path in paths[1::2]:
        path.unlink()
    words = sorted(text.rpartition(" ")[2] for text in set(problems(run, seal)))
    assert words == ["changed"] * 8 + ["gone"] * 7


def test_a_name_in_a_seal_is_that_of_one_file() -> None:
    short = [bytes(each) for size in range(1, 5) for each in product(b"\\xf\xff\xc3", repeat=size)]
    escaped = [
        b"".join(each) for each in product((b"\\", b"\xff", b"\\xff", b"\xc3\xa4"), repeat=4)
    ]
    names = {sealed_name(Path(os.fsdecode(name)), Path()) for name in (*short, *escaped)}
    assert len(names) == len({*short, *escaped})


def test_a_name_is_written_as_it_is_where_that_is_clear(tmp_path: Path) -> None:
    for name, written in (("ä b\\c", "ä b\\c"), ("\udcff", "\\xff"), ("\\xff", "\\\\xff/")):
        assert sealed_name(tmp_path / "jobs" / name, tmp_path) == f"jobs/{written}"


@pytest.mark.parametrize("kind", ["file", "folder", "nothing"])
def test_a_link_is_sealed_as_what_it_points_to(run: RunFolder, tmp_path: Path, kind: str) -> None:
    target, other = tmp_path / "target", tmp_path / "other"
    for path in (target, other):
        if kind == "folder":
            path.mkdir()
            (path / "inner").write_text("x")
        elif kind == "file":
            path.write_text("x")
    link = run.job("clip").path / "link"
    link.symlink_to(target)
    seal = sealed(run)
    assert "jobs/clip/link" in list_files(run.path).links
    assert problems(run, seal) == []
    link.unlink()
    link.symlink_to(other)
    assert problems(run, seal) == ["jobs/clip/link has been changed"]


def test_a_folder_that_becomes_a_link_to_the_same_is_a_change(
    run: RunFolder, tmp_path: Path
) -> None:
    seal = sealed(run)
    folder = run.job("clip").path
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert "jobs/clip/records.jsonl is gone" in problems(run, seal)


@pytest.mark.parametrize(
    "content",
    [
        "", "[]\n", "1\n", '{"index.html": "x"}', '{"index.html":1}\n', '{"a":Infinity}', 
        "[" * 9999,
        '{"../run.json":"x"}\n', '{"a\\u0000b":"x"}\n', '{"sub/index.html":"x"}\n',
    ],
)  # fmt: skip
def test_a_reports_seal_that_is_not_ours_is_a_change(tmp_path: Path, content: str) -> None:
    (tmp_path / "seal.json").write_text(content)
    assert report_problems(tmp_path) != []
