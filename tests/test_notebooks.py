"""A runbook's parameters are read without executing anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from proofbook.errors import NotebookError
from proofbook.notebooks import list_runbooks, read_runbook
from proofbook.project import Project

AddRunbook = Callable[..., Path]


def test_names_types_defaults_and_help_are_read(add_runbook: AddRunbook) -> None:
    path = add_runbook(
        "demo/one",
        parameters='model: str = "small"  # size or path\nsteps: int = -3\n'
        "rates: list[float] = [1e-5, 2]  # learning rates\nneeded: bool  # no default\n"
        'kind: Literal["a", "b"] = "a"',
    )
    runbook = read_runbook(path)
    assert runbook.name == "demo/one"
    shown = {p.name: (p.annotation, p.default, p.required, p.help) for p in _all(runbook)}
    assert shown == {
        "model": ("str", "small", False, "size or path"),
        "steps": ("int", -3, False, ""),
        "rates": ("list[float]", [1e-5, 2], False, "learning rates"),
        "needed": ("bool", None, True, "no default"),
        "kind": ("Literal['a', 'b']", "a", False, ""),
    }


def _all(runbook):  # type: ignore[no-untyped-def]
    return runbook.parameters.values()


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        ("int", 3, 3.5),
        ("int", 3, "3"),
        ("int", 3, True),
        ("float", 3, "3"),
        ("bool", True, 1),
        ("str", "x", 3),
        ("list[int]", [1], [1, "x"]),
        ("dict[str, int]", {"a": 1}, {"a": "b"}),
        ('Literal["a"]', "a", "b"),
    ],
)
def test_values_are_strictly_typed(
    add_runbook: AddRunbook, annotation: str, good: object, bad: object
) -> None:
    runbook = read_runbook(add_runbook("demo/one", parameters=f"x: {annotation}"))
    assert runbook.parameters["x"].validate(good) == good
    with pytest.raises(ValueError, match="parameter 'x' must be"):
        runbook.parameters["x"].validate(bad)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1", "not 'name: type = literal'"),
        ("x: int = len('a')", "parameter 'x'"),
        ("x: Path = 1", "type 'Path' is not one of"),
        ("x: int = ", "not Python"),
        ("import os", "not 'name: type = literal'"),
    ],
)
def test_anything_but_typed_literals_is_refused(
    add_runbook: AddRunbook, source: str, message: str
) -> None:
    with pytest.raises(NotebookError, match=message):
        read_runbook(add_runbook("demo/one", parameters=source))


def test_nothing_in_the_cell_is_executed(add_runbook: AddRunbook, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    with pytest.raises(NotebookError):
        read_runbook(add_runbook("demo/one", parameters=f"x: open({str(trap)!r}, 'w') = 1"))
    assert not trap.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "no list of cells"),
        ('{"cells": [], "nbformat": 3}', "format 3"),
        ('{"cells": [], "nbformat": 4}', "no cell tagged 'parameters'"),
    ],
)
def test_a_file_that_is_no_runbook_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(text)
    with pytest.raises(NotebookError, match=message) as error:
        read_runbook(path)
    assert str(error.value).startswith(str(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match="no such runbook"):
        read_runbook(tmp_path / "x.ipynb")


def test_the_hash_follows_the_bytes(add_runbook: AddRunbook) -> None:
    path = add_runbook("demo/one")
    before = read_runbook(path).sha256
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert read_runbook(path).sha256 != before


def test_jupyters_own_copies_are_no_runbooks(project: Project, add_runbook: AddRunbook) -> None:
    path = add_runbook("demo/one")
    copy = path.parent / ".ipynb_checkpoints" / "one.ipynb"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    assert list_runbooks(project.runbooks) == [path]
