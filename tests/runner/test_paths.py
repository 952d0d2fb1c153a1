"""A relative path counts from where it was written; a word stays a word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from proofbook.configs import path_fields
from proofbook.project import Project
from proofbook.runner.paths import anchor_path
from proofbook.runner.plan import load_plan

Add = Callable[..., Path]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a file, a folder and something in it."""
    (tmp_path / "here" / "train").mkdir(parents=True)
    (tmp_path / "here" / "train" / "x.csv").touch()
    (tmp_path / "here" / "x.csv").touch()
    return tmp_path / "here"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (".", "here"),
        ("..", ""),
        ("./new", "here/new"),
        ("../new/deep", "new/deep"),
        ("x.csv", "here/x.csv"),
        ("train/", "here/train"),
        ("train/x.csv", "here/train/x.csv"),
    ],
)
def test_a_path_counts_from_its_place(place: Path, tmp_path: Path, text: str, path: str) -> None:
    assert anchor_path(text, place) == str(tmp_path / path)


@pytest.mark.parametrize(
    "text",
    ["", "train", "small", "facebook/musicgen-small", "reference:tiny/pair", "https://a.b/c",
     "a walk / a talk", "/usr", "~/x", "a\0b/c", "x" * 5000 + "/y", "...", ".hidden"],
)  # fmt: skip
def test_what_is_no_relative_path_stays(place: Path, text: str) -> None:
    assert anchor_path(text, place) == text


@pytest.mark.parametrize(
    ("text", "path"),
    [("train", "here/train"), ("new", "here/new"), ("new/deep.wav", "here/new/deep.wav")],
)
def test_what_is_declared_a_path_counts_from_its_place_before_it_exists(
    place: Path, tmp_path: Path, text: str, path: str
) -> None:
    assert anchor_path(text, place, declared=True) == str(tmp_path / path)


@pytest.mark.parametrize(
    "text",
    ["", "reference:tiny/pair", "random:small", "https://a.b/c", "/usr", "~/x", "a\0b",
     "${{ jobs.a.outputs.b }}"],
)  # fmt: skip
def test_what_is_declared_a_path_and_is_none_stays(place: Path, text: str) -> None:
    assert anchor_path(text, place, declared=True) == text


def test_the_paths_of_the_server_runbook_count_from_where_they_were_typed(
    project: Project, add_profile: Add, add_runbook: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    from proofbook_systems.ttsserver.config import BinaryE2EConfig

    names = ("project", "binary", "output_dir")
    monkeypatch.setattr(
        "proofbook.runner.parameters.path_fields",
        lambda model: path_fields(BinaryE2EConfig),
    )
    add_runbook("demo/one", parameters="\n".join(f'{name}: str = "x"' for name in names))
    add_profile("jobs:\n  - runbook: demo/one\n    parameters: {project: sources}")
    monkeypatch.chdir(project.root / "outputs")
    (job,) = load_plan(project, "tiny", overrides={"binary": "server", "output_dir": "new"}).jobs
    root = project.root
    assert job.parameters == {
        "project": str(root / "sources"), "binary": str(root / "outputs" / "server"),
        "output_dir": str(root / "outputs" / "new"),
    }  # fmt: skip


def test_each_source_has_its_own_place(
    project: Project, add_runbook: Add, add_profile: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_runbook("demo/one", parameters=(
        'typed: str = "./a"\ngiven: str = "./a"\ndefault: str = "./a"\nlist_: list[str] = []'
    ))  # fmt: skip
    add_profile(
        "jobs:\n  - runbook: demo/one\n"
        "    parameters: {typed: ./profile, given: ./profile, list_: [./a]}"
    )
    (project.root / "sub").mkdir()
    monkeypatch.chdir(project.root / "sub")
    (job,) = load_plan(project, None, overrides={"typed": "./a"}).jobs
    assert job.parameters == {
        "typed": str(project.root / "sub" / "a"),
        "given": str(project.root / "profile"),
        "list_": ["./a"],
    }


def test_what_was_typed_is_not_looked_for_in_the_project(
    project: Project, add_runbook: Add, add_profile: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_runbook("demo/one", parameters='data: str = ""')
    add_profile("jobs: [{runbook: demo/one}]")
    (project.root / "x.csv").touch()
    (project.root / "sub").mkdir()
    monkeypatch.chdir(project.root / "sub")
    (job,) = load_plan(project, None, overrides={"data": "x.csv"}).jobs
    assert job.parameters == {"data": "x.csv"}


def test_the_id_of_a_job_keeps_what_the_profile_says(
    project: Project, add_runbook: Add, add_profile: Add
) -> None:
    add_runbook("demo/one", parameters='data: str = ""')
    add_profile("jobs: [{runbook: demo/one, matrix: {data: [./a, ./b]}}]")
    jobs = load_plan(project, None).jobs
    assert [job.id for job in jobs] == ["demo-one-a", "demo-one-b"]
    assert jobs[1].parameters == {"data": str(project.root / "b")}


def test_a_number_is_no_file(project: Project, add_runbook: Add, add_profile: Add) -> None:
    add_runbook("demo/one", parameters="seconds: float = 1.0")
    add_profile("jobs: [{runbook: demo/one}]")
    Path("5").touch()
    (job,) = load_plan(project, None, overrides={"seconds": "5"}).jobs
    assert job.parameters == {"seconds": 5.0}
