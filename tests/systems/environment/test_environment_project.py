"""The example project has what the default checks ask for, and goes when the process ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from runbook_defaults import config_of

from proofbook.errors import SubjectError
from proofbook_subjects.environment.project import write_project
from proofbook_systems.environment.project import open_project
from proofbook_systems.environment.survey import inspect_databases, inspect_folders, inspect_keys


def test_the_example_meets_the_default_requirements(tmp_path: Path):
    write_project(tmp_path)
    asked = config_of("environment/validate")
    assert {f.state for f in inspect_folders(asked.folders, tmp_path)} == {"writable"}
    assert {k.state for k in inspect_keys(asked.keys, {}, tmp_path / asked.env_file)} == {"present"}
    found = inspect_databases(asked.databases, tmp_path)
    assert [(d.state, d.missing_tables) for d in found] == [("ok", ()), ("ok", ())]


def test_the_example_is_gone_after_the_process():
    code = (
        "from proofbook_systems.environment.survey import open_project;"
        "f = open_project('reference:project'); assert f.is_dir(); print(f)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not Path(done.stdout.strip()).exists()


def test_a_given_folder_is_taken_as_it_is(tmp_path: Path):
    assert open_project(str(tmp_path)) == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_project_that_is_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(SubjectError):
        open_project(str(tmp_path / "file"))
