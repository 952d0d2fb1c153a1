"""The interpreter of a project is found wherever its tool keeps it, and asked by what it is."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from accounts import write_files
from waiting import HANG

from proofbook_systems.environment.interpreters.finding import find_interpreter
from proofbook_systems.environment.interpreters.interpreter import Interpreter

Make = Callable[..., Path]
Layout = Callable[[Path, Path, Make], Mapping[str, str]]
"""Gets the project, the home folder and what makes environments; returns further variables."""

POETRY = "[tool.poetry]\nname = 'My.Tool'\n"


def hashed(root: Path) -> str:
    digest = hashlib.sha256(os.path.normcase(str(root)).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:8]


def in_a_folder(name: str) -> Layout:
    def lay(root: Path, home: Path, make: Make) -> Mapping[str, str]:
        make(root / name, "here 1")
        return {}

    return lay


def by_uv(root: Path, home: Path, make: Make) -> Mapping[str, str]:
    make(home / "uv-environment", "here 1")
    return {"UV_PROJECT_ENVIRONMENT": str(home / "uv-environment")}


def of_a_workspace(root: Path, home: Path, make: Make) -> Mapping[str, str]:
    (root.parent / "uv.lock").touch()
    make(root.parent / ".venv", "here 1")
    return {}


def by_pdm(root: Path, home: Path, make: Make) -> Mapping[str, str]:
    python = make(home / "pdm", "here 1") / "bin" / "python"
    write_files(root, [(".pdm-python", f"{python}\n")])
    return {}


def by_poetry(root: Path, home: Path, make: Make) -> Mapping[str, str]:
    write_files(root, [("pyproject.toml", POETRY)])
    make(home / f".cache/pypoetry/virtualenvs/my.tool-{hashed(root)}-py3.11", "here 1")
    return {}


def by_poetry_without_a_name(root: Path, home: Path, make: Make) -> Mapping[str, str]:
    write_files(root, [("pyproject.toml", "[tool.poetry]\npackage-mode = false\n")])
    make(home / f".cache/pypoetry/virtualenvs/non-package-mode-{hashed(root)}-py3.11", "here 1")
    return {}


def by_poetry_elsewhere(root: Path, home: Path, make: Make) -> Mapping[str, str]:
    write_files(root, [("pyproject.toml", POETRY)])
    make(home / f"envs/my.tool-{hashed(root)}-py3.11", "here 1")
    return {"POETRY_VIRTUALENVS_PATH": str(home / "envs")}


def by_pipenv(root: Path, home: Path, make: Make) -> Mapping[str, str]:
    write_files(root, [("Pipfile", "")])
    folder = make(home / ".local/share/virtualenvs" / f"{root.name}-x1Y2z3A4", "here 1")
    (folder / ".project").write_text(str(root))
    return {}


def by_conda(root: Path, home: Path, make: Make) -> Mapping[str, str]:
    write_files(root, [("environment.yml", "name: ldm\ndependencies: [python=3.8]\n")])
    make(home / "anywhere/envs/ldm", "here 1")
    make(home / "anywhere/envs/other", "other 1")
    write_files(home, [(".conda/environments.txt", f"{home}/anywhere/envs/other\n"
                                                   f"{home}/anywhere/envs/ldm\n")])  # fmt: skip
    return {}


def by_conda_at_home(root: Path, home: Path, make: Make) -> Mapping[str, str]:
    write_files(root, [("conda.yaml", "name: ldm\nchannels: [x]\ndependencies: [python]\n")])
    make(home / "miniforge3/envs/ldm", "here 1")
    return {}


def by_pyenv(root: Path, home: Path, make: Make) -> Mapping[str, str]:
    write_files(root, [(".python-version", "my-env\n")])
    make(home / ".pyenv/versions/my-env", "here 1")
    return {}


def by_hatch(root: Path, home: Path, make: Make) -> Mapping[str, str]:
    write_files(root, [("pyproject.toml", "[tool.hatch.envs.default]\nfeatures = ['x']\n")])
    short = base64.urlsafe_b64encode(hashlib.sha256(str(root).encode()).digest()).decode()[:8]
    make(home / f".local/share/hatch/env/virtual/tool/{short}/tool", "here 1")
    return {}


PLACES: Mapping[str, Layout] = {
    ".venv": in_a_folder(".venv"), "venv": in_a_folder("venv"), "env": in_a_folder("env"),
    "another name": in_a_folder("py311"), "uv": by_uv, "workspace": of_a_workspace, "pdm": by_pdm,
    "poetry": by_poetry, "poetry elsewhere": by_poetry_elsewhere,
    "poetry without a name": by_poetry_without_a_name, "pipenv": by_pipenv,
    "conda": by_conda, "conda at home": by_conda_at_home, "pyenv": by_pyenv, "hatch": by_hatch,
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "work" / "project"
    folder.mkdir(parents=True)
    return folder


def find(root: Path, given: str = "", **environ: str) -> Interpreter:
    return find_interpreter(root, given, {"HOME": str(root.parents[1] / "home"), **environ})


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("place", PLACES)
def test_it_is_found_where_the_tool_keeps_it(place: str, root: Path, make_environment: Make):
    home = root.parents[1] / "home"
    variables = PLACES[place](root, home, make_environment)
    found = find(root, **variables)
    assert found.problem == ""
    assert "here" in found.packages
    assert "other" not in found.packages


def test_the_projects_own_goes_before_a_tools(root: Path, make_environment: Make):
    by_poetry(root, root.parents[1] / "home", make_environment)
    make_environment(root / ".venv", "nearer 1")
    assert list(find(root).packages) == ["nearer"]


@pytest.mark.parametrize("given", ["there/bin/python", "there"])
def test_a_given_one_goes_before_all(given: str, root: Path, make_environment: Make):
    make_environment(root / ".venv", "found 1")
    make_environment(root / "there", "given 1")
    assert list(find(root, given).packages) == ["given"]


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"VIRTUAL_ENV": "{here}"}, "here"),
        ({"CONDA_PREFIX": "{here}", "CONDA_DEFAULT_ENV": "ldm"}, "here"),
        ({"CONDA_PREFIX": "{here}", "CONDA_DEFAULT_ENV": "base"}, None),
        ({"VIRTUAL_ENV": sys.prefix}, None),
        ({"VIRTUAL_ENV": "/no/such/folder"}, None),
    ],
)
def test_the_active_environment_is_the_last_choice(
    variables: dict[str, str], name: str | None, root: Path, make_environment: Make
):
    here = make_environment(root.parents[1] / "active", "here 1")
    found = find(root, **{n: text.format(here=here) for n, text in variables.items()})
    assert list(found.packages) == ([name] if name else [])
    make_environment(root / ".venv", "nearer 1")
    assert list(find(root, VIRTUAL_ENV=str(here)).packages) == ["nearer"]


def test_a_command_is_taken_from_the_path(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert find(root, Path(sys.executable).name).problem == ""


def test_a_given_one_that_is_not_there_is_a_problem(root: Path, make_environment: Make):
    make_environment(root / ".venv", "found 1")
    found = find(root, "nowhere/python")
    assert "no interpreter at nowhere/python" in found.problem
    assert found.packages == {}


def test_none_is_a_problem_that_says_what_to_do(root: Path):
    assert "make one, or give interpreter=" in find(root).problem


def test_an_environment_whose_python_has_gone_is_a_problem(root: Path, make_environment: Make):
    python = make_environment(root / ".venv") / "bin" / "python"
    python.unlink()
    python.symlink_to("/no/such/python3.9")
    assert ".venv of the project" in find(root).problem
    assert "make the environment again" in find(root).problem


@pytest.mark.parametrize(
    ("body", "words"),
    [("exec sleep 30", "did not answer within"), ("echo no >&2; exit 3", "ended with code 3: no"),
     ("echo hello", "did not answer as a Python 3 does")],
)  # fmt: skip
def test_what_is_no_python_is_a_problem(body: str, words: str, tmp_path: Path):
    from proofbook_systems.environment.interpreters.interpreter import ask_interpreter

    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    bound = 0.5 if "sleep" in body else HANG
    assert words in ask_interpreter(program, "given", timeout=bound).problem


def test_a_bare_version_for_pyenv_is_no_environment(root: Path):
    write_files(root, [(".python-version", "3.11\n")])
    (root.parents[1] / "home/.pyenv/versions/3.11/bin").mkdir(parents=True)
    assert find(root).path == ""
