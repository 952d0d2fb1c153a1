"""STYLE.md's "A runbook, cell by cell", for every notebook under ``runbooks/``.

Each rule is a pure function from a notebook to what it breaks; each is also fed with a notebook
that breaks it.
"""

from __future__ import annotations

import ast
import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from pydantic import BaseModel, Field, TypeAdapter

from proofbook.configs import find_config, mismatch
from proofbook.errors import NotebookError
from proofbook.notebooks import Runbook, list_runbooks, read_notebook, read_runbook
from proofbook.profiles import list_profiles
from proofbook.project import Project
from proofbook.runner.plan import load_plan

PROJECT = Project(Path(__file__).resolve().parents[1])
RUNBOOKS = {
    path.relative_to(PROJECT.runbooks).with_suffix("").as_posix(): path
    for path in list_runbooks(PROJECT.runbooks)
}
EXAMPLE = PROJECT.root / "lib" / "proofbook" / "scaffold" / "files" / "hello.ipynb"
ALL = {**RUNBOOKS, "example/hello": EXAMPLE}
"""With the one that a new project begins with."""

FEWEST_CELLS, MOST_CELLS, MOST_LINES = 8, 24, 12
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
TABLE_ROWS = ["proves", "does not prove", "needs", "takes"]
_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_GENERATED = re.compile(r"[0-9a-f]{8}|(cell|code|markdown)-?\d+|[0-9a-f]{8}(-[0-9a-f]{4,12})+")
_ABSOLUTE = re.compile(r"""^(/[A-Za-z]|~[/\\]|[A-Za-z]:[/\\])""")

Notebook = dict[str, Any]
Rule = Callable[[Notebook], list[str]]


def _source(cell: Notebook) -> str:
    return "".join(cell["source"])


def _code(book: Notebook) -> list[Notebook]:
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def format_is_valid(book: Notebook) -> list[str]:
    if (book.get("nbformat"), book.get("nbformat_minor")) != (4, 5):
        return [f"format {book.get('nbformat')}.{book.get('nbformat_minor')} is not 4.5"]
    try:
        nbformat.validate(copy.deepcopy(book))
    except nbformat.ValidationError as error:
        return [str(error).splitlines()[0]]
    return []


def outputs_are_stripped(book: Notebook) -> list[str]:
    kept = [c for c in _code(book) if c.get("outputs") or c.get("execution_count") is not None]
    return [f"{cell['id']} has outputs or a count" for cell in kept]


def ids_are_slugs(book: Notebook) -> list[str]:
    ids = [str(cell.get("id", "")) for cell in book["cells"]]
    odd = [i for i in ids if not _SLUG.fullmatch(i) or _GENERATED.fullmatch(i)]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    return [f"{i!r} is no hand-written slug" for i in odd] + [
        f"{i!r} is there twice" for i in twice
    ]


def metadata_is_minimal(book: Notebook) -> list[str]:
    found = [] if book["metadata"] == METADATA else [f"notebook metadata {book['metadata']}"]
    wanted = {cell["id"]: {} for cell in book["cells"]}
    wanted |= {cell["id"]: {"tags": ["parameters"]} for cell in _code(book)[:1]}
    odd = [cell for cell in book["cells"] if cell["metadata"] != wanted[cell["id"]]]
    return found + [f"{cell['id']} has metadata {cell['metadata']}" for cell in odd]


def title_comes_first(book: Notebook) -> list[str]:
    first = book["cells"][0]
    if (first["id"], first["cell_type"]) != ("title", "markdown"):
        return ["the first cell is not the markdown cell 'title'"]
    lines = _source(first).splitlines()
    rows = [line.split("|")[1].strip() for line in lines if line.count("|") >= 3]
    named = [row for row in rows if row and set(row) != {"-"}]
    found = [] if re.match(r"# \w[^:]*: \w", lines[0]) else ["no title '# System: what'"]
    return found + ([] if named == TABLE_ROWS else [f"the table has the rows {named}"])


def parameters_come_first(book: Notebook) -> list[str]:
    code = _code(book)
    if not code or code[0]["id"] != "parameters":
        return ["the first code cell is not 'parameters'"]
    lines = _source(code[0]).splitlines()
    starts = [lines[node.lineno - 1] for node in ast.parse(_source(code[0])).body]
    return [f"no help: {line}" for line in starts if not re.search(r"  # \w", line)]


def finish_comes_last(book: Notebook) -> list[str]:
    last = book["cells"][-1]
    is_finish = last["id"] == "finish" and _source(last).strip() == "checks.finish()"
    others = [c["id"] for c in book["cells"][:-1] if "finish(" in _source(c)]
    found = [] if is_finish else ["the last cell is not checks.finish()"]
    return found + [f"{i} finishes early" for i in others]


def cells_are_few_and_short(book: Notebook) -> list[str]:
    number = len(book["cells"])
    found = [] if FEWEST_CELLS <= number <= MOST_CELLS else [f"has {number} cells"]
    others = [cell for cell in book["cells"] if cell["id"] != "parameters"]  # a table, not a step
    sizes = {cell["id"]: len(_source(cell).splitlines()) for cell in others}
    return found + [f"{i} has {n} lines" for i, n in sizes.items() if n > MOST_LINES]


def cells_are_plain_python(book: Notebook) -> list[str]:
    found = []
    for cell in _code(book):
        try:
            tree = ast.parse(_source(cell))
        except SyntaxError as error:
            found.append(f"{cell['id']} is not plain Python: {error.msg}")
            continue
        defining = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        found += [
            f"{cell['id']} defines {n.name}" for n in ast.walk(tree) if isinstance(n, defining)
        ]
        if "get_ipython" in _source(cell):
            found.append(f"{cell['id']} calls get_ipython")
    return found


def paths_are_relative(book: Notebook) -> list[str]:
    return [
        f"{cell['id']} names {text!r}"
        for cell in _code(book)
        for text in _strings(_source(cell))
        if _ABSOLUTE.match(text)
    ]


def reference_is_no_special_case(book: Notebook) -> list[str]:
    rest = [cell for cell in _code(book) if cell["id"] != "parameters"]
    return [
        f"{cell['id']} says 'reference'"
        for cell in rest
        if re.search(r"\breference\b", _source(cell), re.IGNORECASE)  # not reference_wav
    ]


def names_are_defined_and_imports_are_used(book: Notebook) -> list[str]:
    command = ["check", "--isolated", "--select", "F", "--stdin-filename", "book.ipynb", "-"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--output-format", "concise"],
        input=json.dumps(book), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("book.ipynb:")]


def _strings(source: str) -> list[str]:
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return []
    return [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def differences(runbook: Runbook, model: type[BaseModel]) -> list[str]:
    """Return where a config model contradicts or repeats a runbook's parameters cell."""
    if difference := mismatch(model, runbook.parameters):
        return [difference]
    issues = []
    for name, field in model.model_fields.items():
        if not field.is_required() or field.description:
            issues.append(f"{name}: its default and its help belong into the parameters cell alone")
        type_ = TypeAdapter(field.annotation).json_schema()
        if runbook.parameters[name].adapter.json_schema() != type_:
            issues.append(f"{name} is {runbook.parameters[name].annotation}, the field is {type_}")
    return issues


def sample() -> Notebook:
    """Return a notebook that keeps every rule."""
    title = "# Sample: nothing much\n\nIt holds.\n\n| | |\n| --- | --- |\n"
    title += "".join(f"| {row} | something |\n" for row in TABLE_ROWS)
    parameters = 'name: str = "reference:small"  # what is used\nsize: float = 1.0  # how much'
    steps = [_cell("setup", "from proofbook.checks import Checks\n\nchecks = Checks('a/b')")]
    steps += [_cell(f"step-{word}", "checks.expect('x', 1, 1)") for word in "bcdefghi"]
    cells = [_cell("title", title, "markdown"), _cell("parameters", parameters)]
    cells[1]["metadata"] = {"tags": ["parameters"]}
    book: Notebook = {"cells": [*cells, *steps, _cell("finish", "checks.finish()")]}
    return {**book, "metadata": copy.deepcopy(METADATA), "nbformat": 4, "nbformat_minor": 5}


def _cell(id: str, source: str, kind: str = "code") -> Notebook:
    cell: Notebook = {"cell_type": kind, "id": id, "metadata": {}, "source": source}
    return cell if kind == "markdown" else {**cell, "outputs": [], "execution_count": None}


def changed(index: int, **values: Any) -> Callable[[Notebook], object]:
    """Return a function that changes one cell of a notebook."""
    return lambda book: book["cells"][index].update(values)


VIOLATIONS: list[tuple[Rule, Callable[[Notebook], object]]] = [
    (format_is_valid, lambda book: book.update(nbformat_minor=4)),
    (format_is_valid, lambda book: book["cells"][3].pop("outputs")),
    (outputs_are_stripped, changed(3, execution_count=1)),
    (
        outputs_are_stripped,
        changed(3, outputs=[{"output_type": "stream", "name": "stdout", "text": ""}]),
    ),
    (ids_are_slugs, changed(3, id="Step_A")),
    (ids_are_slugs, changed(3, id="1a2b3c4d")),
    (ids_are_slugs, changed(3, id="cell-3")),
    (ids_are_slugs, changed(3, id="title")),
    (metadata_is_minimal, lambda book: book["metadata"].update(papermill={})),
    (metadata_is_minimal, lambda book: book["metadata"]["kernelspec"].update(name="proofbook")),
    (metadata_is_minimal, changed(3, metadata={"tags": ["parameters"]})),
    (metadata_is_minimal, changed(1, metadata={})),
    (title_comes_first, lambda book: book["cells"].reverse()),
    (title_comes_first, changed(0, source="# Sample: nothing much")),
    (title_comes_first, lambda book: changed(0, source=_source(book["cells"][0])[2:])(book)),
    (parameters_come_first, changed(1, id="settings")),
    (parameters_come_first, changed(1, source="name: str = 'a'")),
    (finish_comes_last, lambda book: book["cells"].append(_cell("after", "1"))),
    (finish_comes_last, changed(-1, source="checks.finish()\nprint()")),
    (finish_comes_last, changed(3, source="checks.finish()")),
    (cells_are_few_and_short, lambda book: book["cells"].extend([_cell("more", "1")] * 13)),
    (cells_are_few_and_short, lambda book: book["cells"].__delitem__(slice(2, 7))),
    (cells_are_few_and_short, changed(3, source="1\n" * (MOST_LINES + 1))),
    (cells_are_plain_python, changed(3, source="if True:\n    def f(): ...")),
    (cells_are_plain_python, changed(3, source="class A: ...")),
    (cells_are_plain_python, changed(3, source="%matplotlib inline")),
    (cells_are_plain_python, changed(3, source="!ls")),
    (cells_are_plain_python, changed(3, source="get_ipython().system('ls')")),
    (paths_are_relative, changed(3, source="open('/data/clip.wav')")),
    (paths_are_relative, changed(1, source="folder: str = 'C:\\\\clips'  # where")),
    (paths_are_relative, changed(3, source="open('~/clip.wav')")),
    (names_are_defined_and_imports_are_used, changed(3, source="checks.expect('x', known, 1)")),
    (names_are_defined_and_imports_are_used, changed(3, source="import json")),
    (reference_is_no_special_case, changed(3, source="if name.startswith('reference:'): 1")),
]
RULES = list(dict.fromkeys(rule for rule, _ in VIOLATIONS))


def _name(value: object) -> str:
    return str(getattr(value, "__name__", value))


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_every_runbook_keeps_the_rule(rule: Rule, name: str) -> None:
    assert rule(read_notebook(ALL[name])) == []


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_rule_accepts_a_good_notebook(rule: Rule) -> None:
    assert rule(sample()) == []


@pytest.mark.parametrize(("rule", "break_it"), VIOLATIONS, ids=_name)
def test_rule_sees_its_violation(rule: Rule, break_it: Callable[[Notebook], object]) -> None:
    book = sample()
    break_it(book)
    assert rule(book)


def test_there_are_runbooks_to_look_at() -> None:
    assert {"environment/validate", "musicgen/generate"} <= set(RUNBOOKS)


def papermill_names(path: Path) -> list[str]:
    """Return the parameters that papermill sees."""
    from papermill import inspect_notebook

    return list(inspect_notebook(str(path)))


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", ALL)
def test_papermill_sees_the_same_parameters(name: str) -> None:
    assert papermill_names(ALL[name]) == list(read_runbook(ALL[name]).parameters)


def test_a_parameter_that_papermill_overlooks_is_noticed(tmp_path: Path) -> None:
    book = sample()
    book["cells"][1]["source"] = 'package: str = "torch>=2"  # hidden from papermill'
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(book))
    assert papermill_names(path) != list(read_runbook(path).parameters)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", RUNBOOKS)
def test_parameters_equal_the_find_config(name: str) -> None:
    runbook = read_runbook(RUNBOOKS[name], name)
    model = find_config(name)
    assert model is not None
    assert differences(runbook, model) == []


class _SampleConfig(BaseModel):
    name: str
    size: float


class _OtherType(_SampleConfig):
    size: int  # type: ignore[assignment]  # the point


class _Default(_SampleConfig):
    size: float = 1.0


class _Help(_SampleConfig):
    size: float = Field(description="how much")


class _OtherName(_SampleConfig):
    more: str


@pytest.mark.parametrize("model", [_OtherType, _Default, _Help, _OtherName])
def test_another_config_model_is_noticed(model: type[BaseModel], tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(sample()))
    assert differences(read_runbook(path), _SampleConfig) == []
    assert differences(read_runbook(path), model)


def test_every_shipped_runbook_has_a_config_model() -> None:
    assert [name for name in RUNBOOKS if find_config(name) is None] == []


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("profile", [path.stem for path in list_profiles(PROJECT)])
def test_profile_makes_a_plan(profile: str) -> None:
    assert load_plan(PROJECT, profile).jobs


def test_tiny_names_every_runbook_that_is_no_benchmark() -> None:
    named = {job.runbook for job in load_plan(PROJECT, "tiny").jobs}
    assert {name for name in RUNBOOKS if not name.startswith("benchmarks/")} - named == set()


def test_a_notebook_that_is_no_runbook_is_refused(tmp_path: Path) -> None:
    book = sample()
    book["cells"][1]["metadata"] = {}
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(book))
    with pytest.raises(NotebookError, match="parameters"):
        read_runbook(path)
