"""A runbook's parameters are read without executing anything."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from proofbook.errors import NotebookError
from proofbook.notebooks import content_hash, list_runbooks, read_notebook, read_runbook
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
        ("x: dict = {[]: 1}", "parameter 'x': unhashable"),
        ('x: int = "a"', "parameter 'x': must be int, found str 'a'"),
        ("x: list[int] = [1.5]", "must be list"),
        ("x: float = 1e999", "must be finite"),
        ("x: int = 1\ny: int = 2\nx: int = 3", "parameter 'x' is given twice"),
        ("x: Literal[()]", "type 'Literal"),
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


Change = Callable[[dict[str, Any]], object]

SEEN_BY_EXECUTION: dict[str, Change] = {
    "source": lambda book: book["cells"][1].update(source="2"),
    "type": lambda book: book["cells"][1].update(cell_type="raw"),
    "id": lambda book: book["cells"][1].update(id="other"),
    "tag": lambda book: book["cells"][1]["metadata"].update(tags=["raises-exception"]),
    "order": lambda book: book["cells"].reverse(),
    "one cell less": lambda book: book["cells"].pop(),
}
WRITTEN_BY_JUPYTERLAB: dict[str, Change] = {
    "kernelspec": lambda book: book["metadata"]["kernelspec"].update(display_name="Warm"),
    "language": lambda book: book["metadata"]["language_info"].update(version="3.99"),
    "widgets": lambda book: book["metadata"].update(widgets={}),
    "outputs": lambda book: book["cells"][1].update(outputs=[], execution_count=3),
    "times": lambda book: book["cells"][1]["metadata"].update(execution={"iopub": "now"}),
    "trust": lambda book: book["cells"][1]["metadata"].update(trusted=True),
    "lines": lambda book: book["cells"][1].update(source=["1", "\n2"]),
}


def _changed(path: Path, change: Change) -> tuple[str, str]:
    """Return a runbook's hash before and after a change."""
    before = read_runbook(path).sha256
    book = json.loads(path.read_text())
    change(book)
    path.write_text(json.dumps(book, indent=3))
    return before, content_hash(path.read_bytes())


@pytest.mark.parametrize("change", SEEN_BY_EXECUTION.values(), ids=SEEN_BY_EXECUTION)
def test_the_hash_follows_what_is_executed(add_runbook: AddRunbook, change: Change) -> None:
    before, after = _changed(add_runbook("demo/one", "1\n2"), change)
    assert before != after


@pytest.mark.parametrize("change", WRITTEN_BY_JUPYTERLAB.values(), ids=WRITTEN_BY_JUPYTERLAB)
def test_the_hash_does_not_follow_what_jupyterlab_writes(
    add_runbook: AddRunbook, change: Change
) -> None:
    before, after = _changed(add_runbook("demo/one", "1\n2"), change)
    assert before == after


def test_the_hash_of_an_old_notebook_is_the_same_each_time() -> None:
    cell = {"cell_type": "code", "input": "x: int = 1", "language": "python", "outputs": []}
    book = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [cell]}]}
    data = json.dumps(book).encode()
    assert content_hash(data) == content_hash(data) != content_hash(data.replace(b"1", b"2"))


def test_what_is_no_notebook_has_the_hash_of_its_bytes() -> None:
    assert content_hash(b"no") == hashlib.sha256(b"no").hexdigest()


def test_jupyters_own_copies_are_no_runbooks(project: Project, add_runbook: AddRunbook) -> None:
    path = add_runbook("demo/one")
    copy = path.parent / ".ipynb_checkpoints" / "one.ipynb"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    assert list_runbooks(project.runbooks) == [path]


def write(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Change a notebook's JSON."""
    notebook = json.loads(path.read_text())
    change(notebook)
    path.write_text(json.dumps(notebook))
    return path


def of_cell(**changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda notebook: notebook["cells"][1].update(changes)


def of_metadata(**changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda notebook: notebook["cells"][1]["metadata"].update(changes)


def without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda notebook: notebook["cells"][1].pop(key)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda notebook: notebook.update(metadata=None), "its metadata is not a mapping"),
        (lambda notebook: notebook["cells"].insert(1, 7), r"cell 1\): is not a mapping"),
        (of_cell(metadata=None), r"cell cell-1\): has no metadata"),
        (without("metadata"), "has no metadata"),
        (of_metadata(tags=None), "tags that are not a list"),
        (of_metadata(tags=[1]), "tags that are not a list"),
        (of_cell(source=None), "has no source"),
        (without("source"), "has no source"),
        (without("cell_type"), "unknown cell_type"),
        (without("outputs"), "without a list of outputs"),
        (of_cell(id=7), r"cell 7\): has an id that is not text"),
        (of_metadata(tags=["skip-execution"]), r"cell cell-1\): .* would never run"),
    ],
)
def test_an_unsound_cell_is_named(
    add_runbook: AddRunbook, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    path = write(add_runbook("demo/one", "pass"), change)
    with pytest.raises(NotebookError, match=message) as error:
        read_runbook(path)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(path))


def test_a_notebook_without_ids_is_read(add_runbook: AddRunbook) -> None:
    path = write(add_runbook("demo/one", "pass"), without("id"))
    assert read_runbook(path).parameters == {}


def test_a_notebook_of_format_3_is_read(add_runbook: AddRunbook) -> None:
    path = add_runbook("demo/one", "pass", parameters="x: int = 1")
    old = nbformat.writes(nbformat.read(path, as_version=4), version=3)
    path.write_text(old)
    assert read_notebook(path)["nbformat"] == 4
    assert list(read_runbook(path).parameters) == ["x"]


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({"kernelspec": {"name": "julia-1.9", "display_name": "Julia"}}, "julia"),
        ({"kernelspec": {"name": "ir", "display_name": "R"}}, "R"),
        ({"kernelspec": {"name": "k", "display_name": "k", "language": "scala"}}, "scala"),
        ({"language_info": {"name": "bash"}}, "bash"),
    ],
)
def test_another_language_is_refused_by_name(
    add_runbook: AddRunbook, metadata: dict[str, Any], language: str
) -> None:
    path = write(add_runbook("demo/one", "pass"), lambda n: n.update(metadata=metadata))
    with pytest.raises(NotebookError, match=f"written in {language}, and a runbook in Python"):
        read_runbook(path)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"kernelspec": None, "language_info": []},
        {"kernelspec": {"name": "irregular", "display_name": "mine"}},
        {"kernelspec": {"name": "conda-env-x-py", "display_name": "x", "language": "python"}},
        {"language_info": {"name": "python"}},
    ],
)
def test_any_python_is_the_language_of_a_runbook(
    add_runbook: AddRunbook, metadata: dict[str, Any]
) -> None:
    path = write(add_runbook("demo/one", "pass"), lambda n: n.update(metadata=metadata))
    assert read_runbook(path).parameters == {}


def test_a_notebook_older_than_cell_ids_is_read(add_runbook: AddRunbook) -> None:
    def age(notebook: dict[str, Any]) -> None:
        notebook["nbformat_minor"] = 4
        for cell in notebook["cells"]:
            del cell["id"]

    assert read_runbook(write(add_runbook("demo/one", "pass"), age)).parameters == {}


def test_a_folder_is_no_runbook(project: Project) -> None:
    folder = project.runbook("demo/one")
    folder.mkdir(parents=True)
    assert list_runbooks(project.runbooks) == []
    with pytest.raises(NotebookError, match="cannot be read: Is a directory"):
        read_runbook(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_no_runbook_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.ipynb")
    with pytest.raises(NotebookError, match="cannot be read: it is a pipe or a device"):
        read_runbook(tmp_path / "x.ipynb")


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.symlink_to(path)
    with pytest.raises(NotebookError, match="cannot be read") as error:
        read_runbook(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [float("nan"), [1.0, float("inf")], {"a": [float("-inf")]}])
def test_numbers_that_json_cannot_carry_are_refused(add_runbook: AddRunbook, value: object) -> None:
    kind = type(value).__name__
    runbook = read_runbook(add_runbook("demo/one", parameters=f"x: {kind}"))
    with pytest.raises(ValueError, match="must be finite"):
        runbook.parameters["x"].validate(value)


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("steps = 1", {"steps"}),
        ("steps: int = 1", {"steps"}),
        ("%time\nmodel = steps = -1", {"steps", "model"}),
        ("other = 1\nmodel = ['a', 'b']", {"model"}),
        ("steps = steps + 1", set()),
        ("model = Path(model)", set()),
        ("steps = config.steps", set()),
        ("if steps is None:\n    steps = 1", set()),
        ("def f():\n    steps = 1", set()),
        ("steps == 1", set()),
        ("steps: int", set()),
        ("%%bash\nsteps=1", set()),
        ("!steps = 1", set()),
        ("no python at all", set()),
    ],
)
def test_a_parameter_that_a_later_cell_sets_is_known(
    add_runbook: AddRunbook, cell: str, names: set[str]
) -> None:
    path = add_runbook("demo/one", "x = 1", cell, parameters="steps: int = 5\nmodel: str = 'a'")
    assert read_runbook(path).set_again == dict.fromkeys(names, "cell-2")
