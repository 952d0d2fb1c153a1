"""The report follows the run, in at most a twentieth of the time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proofbook.files import append_line
from proofbook.records import Evidence, Outcome, PlannedJob, RunInfo
from proofbook.runner.livereport import LiveReport
from proofbook.runner.reserve import Reserve
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_store import store_media


def make_run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "r1")
    run.media.mkdir(parents=True)
    plan = (PlannedJob(id="a", runbook="demo/one", timeout=1),)
    run.write_info(RunInfo(run_id="r1", profile="tiny", plan=plan))
    return run


def outcome_of(run: RunFolder) -> str:
    outcome: str = json.loads((run.report / "report.json").read_text())["jobs"][0]["outcome"]
    return outcome


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


def test_media_are_hashed_once_for_all_reports_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path)
    clip = store_media(run.media, b"sound", ".wav")
    run.job("a").path.mkdir(parents=True)
    evidence = Evidence(name="clip", media_kind="audio", file=clip)
    append_line(run.job("a").records, evidence.model_dump_json())
    hashed = []
    monkeypatch.setattr(
        "proofbook.runs.media_index.hash_file", lambda path: hashed.append(path.name) or clip.sha256
    )
    report = LiveReport(run, Reserve(run.path))
    report.write()
    report.write()
    assert hashed == [clip.filename]
