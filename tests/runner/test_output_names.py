"""Which outputs a runbook makes is read from its code, and never claimed where it is uncertain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from proofbook.runner.output_names import output_names, output_names_of


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("checks.output('model', x)", {"model"}),
        ('checks.output("a" "b", x)', {"ab"}),
        ("checks.output(value=x, name='model')", {"model"}),
        ("for x in y:\n    if x: checks.output('late', x)", {"late"}),
        ("mine = Checks('a/b')\nmine.output('model', x)", {"model"}),
        ("other.output('model', x)", {"model"}),
        ("config, checks = open_runbook('a/b', globals())\nchecks.expect('a', True)", set()),
        ("checks.measure(**figure._asdict())\nprint(error.output)", set()),
        ("output('model', x)", set()),
    ],
)
def test_literal_names_are_read(source: str, names: set[str]) -> None:
    assert output_names([source, "x = 1"]) == names


@pytest.mark.parametrize(
    "source",
    [
        "checks.output(f'model-{n}', x)",
        "checks.output(name, x)",
        "checks.output(*pair)",
        "checks.output(**record)",
        "checks.output()",
        "leave_outputs(checks)",
        "leave = checks.output\nleave('model', x)",
        "mine = Checks('a/b')\nleave_outputs(mine)",
        "from proofbook.checks import Checks as C\nmine = C('a/b')\nuse(mine)",
        "config, mine = open_runbook('a/b', globals())\nuse(mine)",
        "use(mine := Checks('a/b'))\nother = [mine]",
        "%time checks.output('model', x)",
        "!ls",
        "x = 'a\0b'",
    ],
)
def test_where_names_cannot_be_known_none_is_excluded(source: str) -> None:
    assert output_names(["checks.output('known', x)", source]) is None


def test_code_cells_of_a_notebook_are_read(add_runbook: Callable[..., Path]) -> None:
    path = add_runbook("demo/one", "checks.output('a', 1)", "checks.output('b', 2)")
    assert output_names_of(path) == {"a", "b"}
