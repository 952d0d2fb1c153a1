"""A parameter that is set again after the checks have begun is a fault; a converted one is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proofbook.checks import Checks, open_runbook
from proofbook.checks.journal import Journal
from proofbook.errors import ChecksFailed
from proofbook.records import Fault
from proofbook.runs.folder import read_records

CELL = """
steps: int = 10
rate: float = 2.0
folder: str = "out"
names: list[str] = ["a", "b"]
more: dict[str, int] = {"x": 1}
fast: bool = False
seed: int | None = None
"""


@pytest.fixture
def notebook() -> dict[str, Any]:
    """The variables of a notebook whose parameters cell has run."""
    namespace: dict[str, Any] = {}
    exec(CELL, namespace)
    return namespace


@pytest.fixture
def checks(notebook: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> Iterator[Checks]:
    monkeypatch.chdir(tmp_path)
    opened = open_runbook("demo/one", notebook).checks
    opened.expect("ran", True)
    yield opened


def faults(checks: Checks) -> list[str]:
    records, _ = read_records(checks.folder / "records.jsonl")
    return [record.what for record in records if isinstance(record, Fault)]


RIGHT = {
    "nothing": "",
    "the same again": "steps = 5 * 2; rate = 2; names = ['a', 'b']",
    "a path": "from pathlib import Path; folder = Path(folder).resolve()",
    "paths": "from pathlib import Path; names = [Path(name) for name in names]",
    "words": "folder = folder.split(',')",
    "a number": "folder = len(folder)",
    "a set": "names = set(names)",
    "an object": "class Steps: pass\nsteps = Steps()",
    "an object for what was None": "class Steps: pass\nseed = Steps()",
    "a number for what was None": "seed = 3",
    "what cannot be read": "class Odd:\n    def __getattr__(self, name): 1 / 0\nsteps = Odd()",
    "deleted": "del steps",
    "another name": "for step in range(steps): steps_done = step",
    "a local one": "def train(steps): return steps\ntrain(3)\n[steps for steps in range(4)]",
}


@pytest.mark.parametrize("source", RIGHT.values(), ids=RIGHT)
def test_a_right_notebook_has_no_fault(
    checks: Checks, notebook: dict[str, Any], source: str
) -> None:
    exec(source, notebook)
    checks.finish()
    assert faults(checks) == []


WRONG = {
    "steps": ("steps = steps * 2", "was 10 when the checks began, and is 20 now"),
    "rate": ("rate += 0.5", "was 2.0 when the checks began, and is 2.5 now"),
    "folder": ("folder = 'other'", "was 'out' when the checks began, and is 'other' now"),
    "names": ("names.append('c')", r"was \['a', 'b'\] .* is \['a', 'b', 'c'\] now"),
    "more": ("more['x'] = True", "was {'x': 1} .* is {'x': True} now"),
    "fast": ("for fast in (False, True): pass", "was False .* is True now"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_parameter_that_is_set_again_is_named(
    checks: Checks, notebook: dict[str, Any], name: str
) -> None:
    source, words = WRONG[name]
    exec(source, notebook)
    with pytest.raises(ChecksFailed, match=f"parameter '{name}' {words}"):
        checks.finish()
    (fault,) = faults(checks)
    assert fault.startswith(f"parameter '{name}' ")


@pytest.mark.parametrize(("length", "words"), [(98, "is '{}' now"), (99, "is 101 characters long")])
def test_a_long_value_is_told_by_its_length_alone(
    checks: Checks, notebook: dict[str, Any], length: int, words: str
) -> None:
    notebook["folder"] = "x" * length
    with pytest.raises(ChecksFailed, match=words.format("x" * length)):
        checks.finish()


def test_what_was_set_before_the_checks_began_is_how_they_began(
    notebook: dict[str, Any], tmp_path: Path
) -> None:
    notebook["steps"] = 20
    journal = Journal(folder=tmp_path, media=tmp_path)
    checks = Checks("demo/one", {"steps": 10}, journal=journal, namespace=notebook)
    checks.expect("ran", True)
    checks.finish()
    assert faults(checks) == []


def test_no_part_of_a_long_text_is_told(notebook: dict[str, Any], tmp_path: Path) -> None:
    journal = Journal(folder=tmp_path, media=tmp_path)
    checks = Checks("demo/one", {"folder": "x"}, journal=journal, namespace=notebook)
    notebook["folder"] = "s3cr3t" * 50
    with pytest.raises(ChecksFailed, match="is 302 characters long now"):
        checks.finish()
    assert "s3cr3t" not in (tmp_path / "records.jsonl").read_text()
