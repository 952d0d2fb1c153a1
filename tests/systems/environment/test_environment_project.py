"""The example project has what the default checks ask for, and goes when the process ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proofbook.errors import SubjectError
from proofbook.profiles import load_profile
from proofbook.project import Project
from proofbook_subjects.environment.project import write_project
from proofbook_systems.environment.project import open_project
from proofbook_systems.environment.survey import (
    find_interpreter,
    inspect_databases,
    inspect_folders,
    inspect_project_keys,
    judge_packages,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def example(tmp_path: Path) -> Path:
    return write_project(tmp_path / "example")


def test_the_example_has_what_the_tiny_profile_asks_for(example: Path):
    asked = job_of("tiny", "environment")
    assert {f.state for f in inspect_folders(asked["folders"], example)} == {"writable"}
    found = inspect_databases(asked["databases"], example)
    assert [(d.state, d.missing_tables) for d in found] == [("ok", ()), ("ok", ())]
    keys = inspect_project_keys(example, [], "", {})
    assert [key.state for key in keys.needed] == ["present", "present"]


def test_the_example_has_an_environment_of_its_own_that_is_right(example: Path):
    python = find_interpreter(example)
    assert python.found == ".venv of the project"
    found = list(judge_packages(example, python))
    assert {"interpreter", "declared-requirements.txt", "imports"} <= {f.name for f in found}
    assert [each for each in found if each.issues or each.unjudged] == []


def job_of(profile: str, job: str) -> dict[str, Any]:
    """Return the parameters that a profile sets for a job."""
    jobs = load_profile(Project(ROOT), profile)[0].jobs
    return next(dict(each.parameters) for each in jobs if each.name == job)


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
