"""No way of ending a runbook without proof is green, in any form of the result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from running import Runner
from ways_to_be_green import all_ways

pytestmark = pytest.mark.slow


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(("first", "every"), [(0, 20), (0, 3), (1, 3), (2, 3)])
def test_no_way_to_be_green_without_proof_is_green(
    add_runbook: Callable[..., Path],
    add_profile: Callable[..., Path],
    runner: Runner,
    first: int,
    every: int,
) -> None:
    ways = dict(list(all_ways().items())[first::every])
    names = {f"way-{number:03}": name for number, name in enumerate(ways)}
    for job, name in names.items():
        add_runbook(f"demo/{job}", *ways[name])
    jobs = [{"runbook": f"demo/{job}", "id": job, "timeout": 100} for job in names]
    add_profile(yaml.safe_dump({"jobs": jobs}))
    ended = runner.run("-j", "2")
    assert ended.code != 0
    reported = {job["id"]: job["outcome"] for job in ended.report()["jobs"]}
    green = [
        names[job]
        for job in names
        if "passed" in (ended.outcome(job)["status"], reported[job])
        or ended.outcome(job)["status"] == "skipped"
    ]
    assert len(names) >= 250 // every
    assert not green, "\n".join(green)
