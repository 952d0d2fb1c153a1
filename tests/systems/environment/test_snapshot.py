"""A snapshot names what a result depends on, and holds no variable's value."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from accounts import account

from proofbook_systems.environment.packages.installed import Dependency
from proofbook_systems.environment.snapshot import take_snapshot, write_snapshot

PYTHON = account("numpy 1.26", version="3.8.5", conda={"ffmpeg": "4.3"})
SECRET = "hf_q8ZrT5vLw2"


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def test_a_snapshot_round_trips_through_its_file(tmp_path: Path):
    dependency = Dependency(name="numpy", wanted="numpy>=2", where="requirements.txt:1", group="",
                            installed="1.26", status="another version")  # fmt: skip
    taken = take_snapshot(tmp_path, PYTHON, [dependency], {"B": "1", "A": "2"})
    read = json.loads(write_snapshot(taken, tmp_path / "deep" / "environment.json").read_text())
    assert (read["python"], read["executable"]) == ("3.8.5", "/env/bin/python")
    assert read["packages"] == {"numpy": "1.26"}
    assert read["conda"] == {"ffmpeg": "4.3"}
    assert read["dependencies"][0]["status"] == "another version"
    assert read["variables"] == ["A", "B"]
    assert read["hardware"]["cores"] >= 1


def test_values_of_variables_are_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_TOKEN", SECRET)
    text = write_snapshot(take_snapshot(tmp_path, PYTHON), tmp_path / "e.json").read_text()
    assert "HF_TOKEN" in text
    assert SECRET not in text


def test_the_commit_is_recorded_and_changes_make_it_dirty(tmp_path: Path):
    git(tmp_path, "init")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "first")
    clean = take_snapshot(tmp_path, PYTHON, environ={})
    assert len(clean.commit) == 40
    assert clean.dirty is False
    (tmp_path / "a").write_text("2")
    assert take_snapshot(tmp_path, PYTHON, environ={}).dirty is True


def test_a_folder_outside_of_git_has_no_commit(tmp_path: Path):
    taken = take_snapshot(tmp_path, PYTHON, environ={})
    assert (taken.commit, taken.dirty) == ("", None)
