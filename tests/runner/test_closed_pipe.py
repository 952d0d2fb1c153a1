"""``proofbook run | head -1``: that the reader goes changes what is printed, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from running import BEGIN, Ended, Runner
from waiting import HANG

from proofbook.project import Project

pytestmark = pytest.mark.slow

PROFILE = "jobs: [{runbook: demo/one}, {runbook: demo/one, id: two}]"


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("works", "code", "verdict"), [("True", 0, "passed"), ("False", 1, "failed")]
)
def test_a_reader_that_goes_changes_neither_the_exit_code_nor_the_record(
    project: Project, runner: Runner, add_runbook: Callable[..., Path],
    add_profile: Callable[..., Path], works: str, code: int, verdict: str,
) -> None:  # fmt: skip
    gone = project.root / "gone"
    waiting = (
        f"import time; from pathlib import Path\n"
        f"while not Path({str(gone)!r}).exists(): time.sleep(0.01)"
    )
    add_runbook("demo/one", BEGIN, waiting, f"checks.expect('one', {works})", "checks.finish()")
    add_profile(PROFILE)
    process = runner.start("-j", "1")
    assert process.stdout is not None
    assert "2 jobs" in process.stdout.readline()
    process.stdout.close()
    gone.touch()
    assert process.wait(HANG) == code
    (run,) = project.outputs.glob("*/run.json")
    ended = Ended(code, "", run.parent)
    assert ended.report()["verdict"] == verdict
    for job in ("demo-one", "two"):
        assert ended.outcome(job)["status"] == ended.reported(job)["outcome"] == verdict
        assert len((run.parent / "jobs" / job / "records.jsonl").read_text().splitlines()) == 3
    assert (run.parent / "signoffs.jsonl").exists()  # it is sealed
