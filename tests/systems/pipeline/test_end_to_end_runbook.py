"""The runbook on a pipeline of another layout: right is green, and a failure stops nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from executed_cells import Executed
from layouts_of_pipelines import second_config

from proofbook.errors import ChecksFailed
from proofbook.records import Evidence, Question

pytestmark = pytest.mark.slow
Run = Callable[..., Executed]


def parameters(project: Path, **changes: Any) -> dict[str, Any]:
    given = second_config(project).model_dump() | {"at_once": 0, "clean_up": False, "episode": ""}
    return given | changes


def statuses(done: Executed, status: str) -> set[str]:
    return {name for name, check in done.checks.items() if check.status == status}


@pytest.mark.exhaustive
def test_a_right_pipeline_is_green_and_asks_a_person(second_project: Path, run_cells: Run) -> None:
    done = run_cells("pipeline/end_to_end", **parameters(second_project))
    assert done.error is None
    assert statuses(done, "failed") == set()
    assert statuses(done, "skipped") == {
        "environment-validates", "validation-notices", "films-are-not-mixed-up",
    }  # fmt: skip
    asked = [record for record in done.records if isinstance(record, Question)]
    assert len(asked) == 7
    assert {r.name for r in done.records if isinstance(r, Evidence)} == {"film", "results"}


def test_what_fails_is_red_and_the_steps_behind_it_are_told(
    second_project: Path, run_cells: Run
) -> None:
    given = parameters(second_project)
    given["commands"]["audio"] = [
        "{python}",
        "-c",
        "raise SystemExit('voice API: 401 Unauthorized')",
    ]
    done = run_cells("pipeline/end_to_end", **given)
    assert isinstance(done.error, ChecksFailed)
    assert {"audio-ends-well", "audio-for-each-line"} <= statuses(done, "failed")
    assert "voice API: 401 Unauthorized" in str(done.checks["audio-ends-well"].actual)
    assert "there is nothing to assemble" in done.checks["film"].reason
    assert "film-to-look-at" in statuses(done, "failed")
    results = next(r for r in done.records if isinstance(r, Evidence) and r.name == "results")
    assert results
