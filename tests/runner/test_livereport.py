"""The report follows the run, in at most a twentieth of the time."""

from __future__ import annotations

import json
from pathlib import Path

from proofbook.records import Outcome, PlannedJob, RunInfo
from proofbook.runner.livereport import LiveReport
from proofbook.runner.reserve import Reserve
from proofbook.runs.folder import RunFolder


def make_run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "r1")
    run.media.mkdir(parents=True)
    plan = (PlannedJob(id="a", runbook="demo/one", timeout=1),)
    run.write_info(RunInfo(run_id="r1", profile="tiny", plan=plan))
    return run


def outcome_of(run: RunFolder) -> str:
    found: str = json.loads((run.report / "report.json").read_text())["jobs"][0]["outcome"]
    return found


def test_it_is_written_when_something_changed_and_time_has_passed(tmp_path: Path) -> None:
    times = iter([0.0, 1.0, 5.0, 21.0, 21.0, 22.0, 99.0])
    run = make_run(tmp_path)
    report = LiveReport(run, Reserve(run.path), clock=lambda: next(times))
    report.write()  # takes from 0 to 1: nothing before 21
    assert outcome_of(run) == "incomplete"
    job = run.job("a")
    job.path.mkdir(parents=True)
    job.write_outcome(Outcome(job="a", runbook="demo/one", status="crashed"))
    report.write_if_due()  # nothing was said to have changed
    report.changed()
    report.write_if_due()  # 5
    assert outcome_of(run) == "incomplete"
    report.write_if_due()  # 21
    assert outcome_of(run) == "crashed"
