"""A runbook is opened with the parameters that its cell has set, whether or not a model exists."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from proofbook.checks import open_runbook
from proofbook.configs import find_config, mismatch
from proofbook.errors import UsageError

CONFIG = """
from pydantic import BaseModel, ConfigDict, Field

class HelloConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    size: int = Field(ge=1)
    name: str

RUNBOOKS = {"hello": HelloConfig}
"""


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package of a team's own, with a model for ``team/hello``."""
    info = tmp_path / "site" / "team-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: team\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[proofbook.configs]\nteam = team_config\n")
    (tmp_path / "site" / "team_config.py").write_text(CONFIG)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "team_config", raising=False)
    monkeypatch.chdir(tmp_path)
    for folder in ("runbooks", "parameters"):
        (tmp_path / folder).mkdir()
    return tmp_path / "site"


def notebook(source: str) -> dict[str, object]:
    """Return a namespace in which a parameters cell has run."""
    namespace: dict[str, object] = {}
    exec(source, namespace)
    return namespace


def test_a_team_brings_its_own_model(team: Path) -> None:
    namespace = notebook("size: int = 3\nname: str = 'a'\nother = 5")
    config, checks = open_runbook("team/hello", namespace)
    assert (config.size, config.name) == (3, "a")
    assert type(config).__name__ == "HelloConfig"
    assert '"parameters":{"size":3,"name":"a"}' in (checks.folder / "records.jsonl").read_text()


def test_a_runbook_without_a_model_is_read_by_its_annotations(team: Path) -> None:
    config, _ = open_runbook("mine/check", notebook("rate: float = 2\nwords: list[str] = ['a']"))
    assert config.model_dump() == {"rate": 2.0, "words": ["a"]}
    with pytest.raises(ValidationError, match="frozen"):
        config.rate = 3.0


def test_a_runbook_without_parameters_has_an_empty_configuration(team: Path) -> None:
    assert open_runbook("mine/check", {}).config.model_dump() == {}


@pytest.mark.parametrize(
    ("runbook", "source", "words"),
    [
        ("team/hello", "size: int = 0\nname: str = 'a'", "parameter 'size'"),
        ("team/hello", "size: int = 1", "parameter 'name'"),
        ("mine/check", "size: int = 'many'", "parameter 'size'"),
        ("mine/check", "size: int = '3'", "parameter 'size'"),  # which Papermill passes as it is
    ],
)
def test_a_wrong_parameter_is_named(team: Path, runbook: str, source: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_runbook(runbook, notebook(source))
    assert not (team.parent / "outputs").exists()


@pytest.mark.parametrize(
    ("source", "words"), [("import nowhere_at_all", "cannot be imported"), ("x = 1", "no RUNBOOKS")]
)
def test_a_promised_model_that_is_missing_is_one_line(team: Path, source: str, words: str) -> None:
    (team / "team_config.py").write_text(source)
    with pytest.raises(UsageError, match=words) as caught:
        find_config("team/hello")
    assert "\n" not in str(caught.value)


def test_names_that_differ_from_the_cell_are_told(team: Path) -> None:
    model = find_config("team/hello")
    assert model is not None
    assert mismatch(model, {"size": 1, "name": "a"}) == ""
    assert "cell lacks name" in mismatch(model, {"size": 1})
    assert "HelloConfig lacks more" in mismatch(model, {"size": 1, "name": "a", "more": 2})
