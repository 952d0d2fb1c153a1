"""What a run was made with is told as git tells it, and is unknown where git does not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from proofbook.runner import provenance
from proofbook.runner.provenance import Commit, read_commit


@pytest.fixture
def fake_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in git's place, which knows a commit; what it says of changes is to be written."""
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\ncase "$3" in rev-parse) echo 5eed ;; *) . "$0.status" ;; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return program.with_name("git.status")


@pytest.mark.parametrize(
    ("status", "dirty"),
    [("exit 0", False), ("echo ' M a.py'", True), ("exit 128", None)],
)
def test_a_folder_is_clean_only_where_git_says_so(
    fake_git: Path, tmp_path: Path, status: str, dirty: bool | None
) -> None:
    fake_git.write_text(status)
    assert read_commit(tmp_path) == Commit("5eed", dirty)


def test_a_git_that_is_late_does_not_make_a_folder_clean(
    fake_git: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = subprocess.run

    def late(words: list[str], **options: object) -> object:
        if "status" in words:
            raise subprocess.TimeoutExpired(words, provenance._GIT_SECONDS)
        return usual(words, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", late)
    assert read_commit(tmp_path) == Commit("5eed", None)


def test_without_git_or_a_repository_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert read_commit(tmp_path) == Commit("", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_commit(tmp_path) == Commit("", None)
