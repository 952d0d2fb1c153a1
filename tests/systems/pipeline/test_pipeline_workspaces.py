"""A project that is another's than the commands is refused before anything is copied or started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_projects import make_project, parameters_of

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.project.config import PipelineConfig
from proofbook_systems.pipeline.workspace import open_workspace


def config_of(project: Path, **commands: list[str]) -> PipelineConfig:
    given = parameters_of(project, {})
    del given["servers"]
    return PipelineConfig(**{**given, "commands": commands or given["commands"]})


def test_a_project_with_none_of_the_named_programs_is_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path / "mine")
    config = config_of(
        project, init=["{python}", "scripts/init.py"], trends=["bash", "bin/fetch.sh", "7"]
    )
    with pytest.raises(SubjectError) as caught:
        open_workspace(config, tmp_path / "work")
    assert str(caught.value) == (
        f"project {project} has none of the programs that its commands name (scripts/init.py and "
        "1 more); give commands and paths of its own"
    )
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    "commands",
    [
        {},
        {"init": ["{python}", "gone.py"], "trends": ["{python}", "small_pipeline.py"]},
        {"init": ["{python}", "-m", "studio.init"], "audio": ["make", "audio"]},
        {"init": ["{python}", "{project}/gone.py"]},
        {"init": [sys.executable, __file__]},
    ],
)
def test_whatever_may_be_its_own_is_tried(tmp_path: Path, commands: dict[str, list[str]]) -> None:
    workspace = open_workspace(
        config_of(make_project(tmp_path / "mine"), **commands), tmp_path / "work"
    )
    assert (workspace.folder / "small_pipeline.py").is_file()
