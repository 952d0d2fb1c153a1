"""A seal notices every change of a sealed file, whatever the file is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from reviewed_run import session_of

from proofbook.runs.folder import RunFolder
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.sealing import report_problems, seal_problems, seal_run


def test_a_changed_file_is_named_though_its_name_says_that_it_is_new(run: RunFolder) -> None:
    path = run.job("clip").path / "what is new.txt"
    path.write_text("before")
    seal = seal_run(run, session_of(run).log, run.path.name)
    assert seal_problems(run.path, seal) == []
    path.write_text("after!")
    assert seal_problems(run.path, seal) == ["jobs/clip/what is new.txt has been changed"]
    path.unlink()
    assert seal_problems(run.path, seal) == ["jobs/clip/what is new.txt is gone"]


def test_a_file_that_was_added_is_no_problem(run: RunFolder) -> None:
    seal = seal_run(run, session_of(run).log, run.path.name)
    (run.path / "notes.txt").write_text("mine")
    assert seal_problems(run.path, seal) == []


def test_hidden_files_of_the_run_folder_are_not_sealed(run: RunFolder) -> None:
    (run.path / ".lock").touch()
    (run.job("clip").path / ".hidden").touch()
    seal = seal_run(run, session_of(run).log, run.path.name)
    (run.path / ".lock").unlink()
    assert seal_problems(run.path, seal) == []
    (run.job("clip").path / ".hidden").unlink()
    assert seal_problems(run.path, seal) == ["jobs/clip/.hidden is gone"]


def test_a_review_seals_no_run_that_is_sealed(run: RunFolder) -> None:
    seal_run(run, session_of(run).log, run.path.name)
    run.job("clip").log.write_text("another")
    session_of(run).seal()
    assert len(SignoffLog(run.path, run.path.name).read().entries) == 1


@pytest.mark.parametrize(
    "content", ["", "[]\n", "1\n", '{"index.html": "x"}', '{"index.html":1}\n']
)
def test_a_reports_seal_that_is_not_ours_is_a_change(tmp_path: Path, content: str) -> None:
    (tmp_path / "seal.json").write_text(content)
    assert report_problems(tmp_path) != []
