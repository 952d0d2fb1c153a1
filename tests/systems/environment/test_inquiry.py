"""An interpreter is asked for what it has, in any Python since 3.6; no package is imported."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from accounts import distribution, install, write_files

from proofbook_systems.environment.interpreters import inquiry
from proofbook_systems.environment.interpreters.interpreter import ask_interpreter

SOURCE = Path(inquiry.__file__)
EGG = """Metadata-Version: 1.1
Name: Eggish
Version: 0.9
"""
EGG_NEEDS = """numpy>1

[:python_version < "3"]
futures

[gpu]
cupy
"""


@pytest.fixture
def python(tmp_path: Path, make_environment: Callable[..., Path]) -> Path:
    return make_environment(tmp_path / "env", "plain 1.0 plain,_plain <- numpy>=1; extra == 'x'")


def site_of(environment: Path) -> Path:
    return next(environment.glob("lib/python*/site-packages"))


def ask(environment: Path) -> dict[str, Any]:
    command = [environment / "bin" / "python", "-I", SOURCE]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_it_is_written_in_the_oldest_python_that_it_asks():
    ast.parse(SOURCE.read_text(), feature_version=(3, 6))


def test_a_wheel_is_told_with_what_it_needs_and_brings(python: Path):
    (found,) = ask(python)["distributions"]
    assert (found["name"], found["version"]) == ("plain", "1.0")
    assert found["requires"] == ["numpy>=1; extra == 'x'"]
    assert found["modules"] == ["_plain", "plain"]


def test_an_egg_is_told_with_its_sections_as_markers(python: Path):
    egg = site_of(python) / "eggish.egg-info"
    write_files(egg, [("PKG-INFO", EGG), ("requires.txt", EGG_NEEDS), ("top_level.txt", "egg\n")])
    found = ask(python)["distributions"][0]
    assert (found["name"], found["modules"]) == ("Eggish", ["egg"])
    assert found["requires"] == [
        "numpy>1", 'futures ; (python_version < "3")', "cupy ; extra == 'gpu'",
    ]  # fmt: skip


def test_a_source_tree_that_setuptools_linked_is_told(python: Path, tmp_path: Path):
    write_files(tmp_path / "tree", [("eggish.egg-info/PKG-INFO", EGG)])
    write_files(site_of(python), [("eggish.egg-link", f"{tmp_path}/tree\n.")])
    found = ask(python)["distributions"][0]
    assert (found["name"], found["location"]) == ("Eggish", str(tmp_path / "tree"))


def test_what_an_editable_finder_maps_can_be_imported(python: Path):
    finder = "MAPPING: dict[str, str] = {'mine': '/work/src/mine', 'two': '/x'}\n"
    write_files(site_of(python), [("__editable___mine_1_finder.py", finder)])
    assert {"mine", "two"} <= set(ask(python)["modules"])


def test_a_package_of_conda_is_told(python: Path):
    write_files(python, [("conda-meta/ffmpeg-4.3-hf484d3e_0.json", "{}"),
                         ("conda-meta/my-tool-1.0-py_0.json", "{}")])  # fmt: skip
    assert ask(python)["conda"] == {"ffmpeg": "4.3", "my-tool": "1.0"}


def test_modules_and_markers_are_those_of_the_interpreter(python: Path):
    answer = ask(python)
    assert "plain" in answer["modules"]
    assert {"json", "sys"} <= set(answer["standard"])
    assert answer["markers"]["python_version"] == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert answer["prefix"] == str(python)


def test_asking_writes_nothing(python: Path):
    before = sorted(python.rglob("*"))
    ask(python)
    assert ask_interpreter(python / "bin" / "python", "given").packages == {"plain": "1.0"}
    assert sorted(python.rglob("*")) == before


def test_of_two_packages_of_one_name_the_first_on_the_path_counts(python: Path, tmp_path: Path):
    install(tmp_path / "further", distribution("plain 2.0"))
    write_files(site_of(python), [("more.pth", f"{tmp_path}/further\n")])
    assert ask_interpreter(python / "bin" / "python", "given").packages["plain"] == "1.0"


def test_variables_of_the_caller_do_not_reach_it(python: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONSTARTUP", "/no/such/file")
    assert "layouts" not in ask_interpreter(python / "bin" / "python", "given").modules
