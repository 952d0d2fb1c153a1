"""The example project has what the default checks ask for, and goes when the process ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from proofbook.errors import SubjectError
from proofbook.profiles import load_profile
from proofbook.project import Project
from proofbook_subjects.environment.project import write_project
from proofbook_systems.environment.project import open_project
from proofbook_systems.environment.proposals.suggesting import suggest_parameters
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


def test_what_the_example_proposes_is_there(example: Path):
    offered = suggest_parameters({"project": str(example)})
    assert [each for each in offered if each.doubt] == []
    databases = [each.value for each in offered if each.parameter == "databases"]
    named = {name: tables for each in databases for name, tables in each.items()}
    assert set(named) == {"data/trends.db", "data/metrics.db", "data/image_library.db"}
    found = inspect_databases(named, example)
    assert {(each.state, each.missing_tables) for each in found} == {("ok", ())}
    assert [f.state for f in inspect_folders(["data", "outputs"], example)] == ["writable"] * 2


def test_the_keys_of_the_example_are_set(example: Path):
    keys = inspect_project_keys(example, [], "", {})
    assert [key.state for key in keys.needed] == ["present", "present"]


def test_the_example_has_an_environment_of_its_own_that_is_right(example: Path):
    python = find_interpreter(example)
    assert python.found == ".venv of the project"
    found = list(judge_packages(example, python))
    assert {"interpreter", "declared-requirements.txt", "imports"} <= {f.name for f in found}
    assert [each for each in found if each.issues or each.unjudged] == []


def test_what_the_default_profile_asks_for_fits_every_project():
    jobs = load_profile(Project(ROOT), "tiny")[0].jobs
    assert [each.parameters for each in jobs if each.runbook == "environment/validate"] == [{}]


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
