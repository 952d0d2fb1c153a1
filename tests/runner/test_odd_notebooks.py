"""Every notebook that is right ends green, however odd it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from odd_checks import ODD_CHECKS
from odd_notebooks import ODD, PLANNED
from running import Runner

from proofbook.project import Project

pytestmark = pytest.mark.slow

ALL = {**ODD, **ODD_CHECKS}


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(("first", "every"), [(0, 12), (0, 3), (1, 3), (2, 3)])
def test_no_notebook_that_is_right_is_called_not_green(
    project: Project,
    add_profile: Callable[..., Path],
    runner: Runner,
    first: int,
    every: int,
) -> None:
    asked = dict(list(ALL.items())[first::every])
    folder = project.runbooks / "odd"
    folder.mkdir()
    for name, make in asked.items():
        (folder / f"{name}.ipynb").write_bytes(make(f"odd/{name}"))
    entries = [{"runbook": f"odd/{name}", "parameters": {"level": PLANNED}} for name in asked]
    add_profile(json.dumps({"defaults": {"timeout": 120}, "jobs": entries}))
    ended = runner.run("-j", "2")
    outcomes = {name: ended.outcome(f"odd-{name}") for name in asked}
    causes = {name: o["cause"] for name, o in outcomes.items() if o["status"] != "passed"}
    assert causes == {}, ended.output[-2000:]
    assert ended.code == 0
    assert len(asked) >= 100 // every
    sizes = {p.parent.name: p.stat().st_size for p in ended.folder.glob("jobs/*/notebook.ipynb")}
    assert max(sizes.values()) < 2_500_000, sizes
