"""A system's proposals become a profile that can be planned as it is; a person's values stay."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from proofbook.cli import app
from proofbook.errors import UsageError
from proofbook.project import Project
from proofbook.runner.plan import load_plan
from proofbook.suggestions import Suggestion, find_suggest, format_profile

ROOT = Path(__file__).resolve().parents[1]
OFFERED = [
    Suggestion(parameter="keys", value="A: #key", origin="compose.yml"),
    Suggestion(parameter="keys", value="B", origin="app.py:3"),
    Suggestion(parameter="ports", value=8000, origin="compose.yml: services.web"),
    Suggestion(parameter="databases", value={"a.db": ["t"]}, origin="there"),
    Suggestion(parameter="folders", value="out", origin="x.yaml", doubt="it is not there"),
]


def test_values_are_grouped_with_their_origins():
    text = format_profile("environment/validate", {"project": "/work/x"}, OFFERED)
    (job,) = yaml.safe_load(text)["jobs"]
    assert job["runbook"] == "environment/validate"
    assert job["parameters"] == {
        "project": "/work/x", "keys": ["A: #key", "B"], "ports": [8000],
        "databases": {"a.db": ["t"]},
    }  # fmt: skip
    assert "- 8000  # compose.yml: services.web" in text
    assert "# folders: out (x.yaml): it is not there" in text


def test_what_a_person_has_set_stays():
    text = format_profile("environment/validate", {"keys": ["MINE"]}, OFFERED)
    assert yaml.safe_load(text)["jobs"][0]["parameters"]["keys"] == ["MINE"]


def test_nothing_to_propose_is_a_profile_all_the_same():
    (job,) = yaml.safe_load(format_profile("environment/validate", {}, OFFERED[-1:]))["jobs"]
    assert "parameters" not in job


def test_a_system_without_proposals_says_which_have_some():
    with pytest.raises(UsageError, match=r"musicgen/generate proposes no parameters.*environment"):
        find_suggest("musicgen/generate")


def test_a_package_that_promises_proposals_and_brings_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    info = tmp_path / "aquarium-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: aquarium\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[proofbook.suggestions]\naquarium = aquarium_none\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=r"'aquarium' .* promises aquarium_none"):
        find_suggest("aquarium/fish")
    assert "aquarium_none" not in sys.modules


@pytest.mark.exhaustive
def test_the_command_prints_a_profile_that_can_be_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(ROOT)
    (tmp_path / "compose.yml").write_text("services: {web: {ports: ['8000:80']}}\n")
    command = ["run", "environment/validate", "--suggest", "-p", f"project={tmp_path}"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    profile = tmp_path / "mine.yaml"
    profile.write_text(done.stdout)
    (job,) = load_plan(Project(ROOT), str(profile)).jobs
    assert job.parameters == {"project": str(tmp_path), "ports": [8000]}


@pytest.mark.exhaustive
def test_the_command_wants_one_runbook(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(app, ["run", "--suggest"])
    assert isinstance(done.exception, UsageError)
    assert "name it" in str(done.exception)
