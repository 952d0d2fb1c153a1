"""A resumed run keeps what has passed and is still what was planned, and runs all else again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from executed import write_notebook

from proofbook.errors import RunFolderError
from proofbook.files import atomic_write
from proofbook.fingerprints import content_of
from proofbook.notebooks import Runbook
from proofbook.project import Project
from proofbook.records import (
    AnyRecord,
    Begin,
    Check,
    Evidence,
    Finish,
    Outcome,
    Output,
    PathContent,
    PlannedJob,
    RunInfo,
)
from proofbook.runner.resolution import read_outputs
from proofbook.runner.resume import expected_seconds, kept_outcomes, runbooks_of
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_store import store_media

START = datetime(2026, 1, 2, tzinfo=UTC)


class EarlierRun:
    """A run whose jobs have passed, as its files tell."""

    def __init__(self, project: Project, *jobs: PlannedJob) -> None:
        self.project = project
        self.info = RunInfo(run_id="earlier", profile="tiny", plan=jobs)
        self.folder = RunFolder(project.outputs / "earlier")
        self.runbooks: dict[str, Runbook] = runbooks_of(project, self.info)
        for job in jobs:
            self.write(job)

    def write(self, job: PlannedJob, *records: AnyRecord, **fields: Any) -> None:
        """Write the files of a job, with more records, or with another outcome."""
        inside = [Begin(runbook=job.runbook), Check(name="one", status="passed"), *records]
        counts: dict[str, int] = {}
        for record in inside:
            counts[record.kind] = counts.get(record.kind, 0) + 1
        inside.append(Finish(counts=counts))
        folder = self.folder.job(job.id)
        write_notebook(folder.notebook, records=inside)
        lines = "".join(f"{record.model_dump_json()}\n" for record in inside)
        atomic_write(folder.records, lines)
        values = {
            "job": job.id, "runbook": job.runbook, "status": "passed",
            "notebook_sha256": self.runbooks[job.runbook].sha256, **fields,
        }  # fmt: skip
        folder.write_outcome(Outcome.model_validate(values))

    def kept(self, rerun: Any = "failed") -> list[str]:
        return sorted(kept_outcomes(self.folder, self.info, self.runbooks, rerun))


def job(id: str, *needs: str, **fields: Any) -> PlannedJob:
    return PlannedJob(id=id, runbook="demo/one", timeout=60, needs=needs, **fields)


@pytest.fixture(autouse=True)
def _runbook(add_runbook: Callable[..., Path]) -> None:
    add_runbook("demo/one", "pass", parameters='model: str = ""')


def test_a_runbook_keeps_its_name_however_deep_it_is(
    project: Project, add_runbook: Callable[..., Path]
) -> None:
    (project.runbooks / "demo").mkdir(exist_ok=True)
    add_runbook("demo/deep/one", "pass")
    run = EarlierRun(project, job("a").model_copy(update={"runbook": "demo/deep/one"}))
    assert run.runbooks["demo/deep/one"].name == "demo/deep/one"


def test_what_has_passed_is_kept(project: Project) -> None:
    run = EarlierRun(project, job("a"), job("b", "a"))
    assert run.kept() == ["a", "b"]
    assert run.kept("all") == []


@pytest.mark.parametrize(
    "fields", [{"status": "failed"}, {"notebook_sha256": "0" * 64}, {"status": "skipped"}]
)
def test_what_has_not_passed_as_it_is_today_runs_again_with_what_needs_it(
    project: Project, fields: dict[str, Any]
) -> None:
    run = EarlierRun(project, job("a"), job("b", "a"), job("c", "b"), job("d"))
    run.write(run.info.plan[1], **fields)
    assert run.kept() == ["a", "d"]


def test_a_job_whose_files_no_longer_support_it_runs_again(project: Project) -> None:
    run = EarlierRun(project, job("a"), job("b"))
    run.folder.job("a").records.unlink()
    assert run.kept() == ["b"]


def test_a_job_whose_evidence_is_gone_runs_again(project: Project) -> None:
    run = EarlierRun(project, job("a"), job("b"))
    stored = store_media(run.folder.media, b"sound", ".wav")
    run.write(run.info.plan[0], Evidence(name="clip", media_kind="audio", file=stored))
    assert run.kept() == ["a", "b"]
    (run.folder.media / stored.filename).unlink()
    assert run.kept() == ["b"]


def test_a_job_whose_output_is_lost_runs_again_where_one_runs_that_needs_it(
    project: Project, tmp_path: Path
) -> None:
    model = tmp_path / "model.bin"
    model.write_bytes(b"weights")
    expression = {"model": "${{ jobs.a.outputs.model }}"}
    run = EarlierRun(project, job("a"), job("b", "a", parameters=expression), job("c"))
    output = Output(name="model", value=str(model), content=content_of(model))
    run.write(run.info.plan[0], output)
    run.write(run.info.plan[1], status="failed")
    assert run.kept() == ["a", "c"]
    model.unlink()
    assert run.kept() == ["c"]


def test_a_plan_that_no_longer_fits_its_runbooks_is_not_resumed(project: Project) -> None:
    for fields, message in (
        ({"parameters": {"modle": "x"}}, "demo/one has no parameter 'modle'"),
        ({"runbook": "demo/gone"}, "demo/gone"),
    ):
        planned = job("a").model_copy(update=fields)
        info = RunInfo(run_id="earlier", profile="tiny", plan=(planned,))
        with pytest.raises(RunFolderError, match=f"run earlier cannot be resumed: .*{message}"):
            runbooks_of(project, info)


def write_times(project: Project, run_id: str, day: int, **seconds: float | None) -> None:
    """Write a run of a day whose jobs took so long; None is one that did not pass."""
    folder = RunFolder(project.outputs / run_id)
    started = START + timedelta(days=day)
    info = RunInfo(run_id=run_id, profile="tiny", plan=(), started=started)
    folder.path.mkdir()
    folder.info_file.write_text(info.model_dump_json())
    for name, took in seconds.items():
        folder.job(name).path.mkdir(parents=True)
        outcome = Outcome(
            job=name,
            runbook="demo/one",
            status="failed" if took is None else "passed",
            started=started,
            ended=started + timedelta(seconds=took or 99),
        )
        folder.job(name).outcome.write_text(outcome.model_dump_json())


def test_a_job_is_expected_to_take_as_long_as_when_it_last_passed(project: Project) -> None:
    write_times(project, "20260101-000000-tiny-0001", 1, a=1.0, b=2.0, c=None)
    write_times(project, "20260102-000000-tiny-0002", 2, a=3.0, b=None)
    assert expected_seconds(project.outputs) == {"a": 3.0, "b": 2.0}


def test_only_the_latest_ten_runs_are_looked_at(project: Project) -> None:
    for day in range(1, 12):
        jobs = {"old": 1.0} if day == 1 else {"tenth": 2.0} if day == 2 else {"new": 3.0}
        write_times(project, f"202601{day:02}-000000-tiny-{day:04}", day, **jobs)
    assert expected_seconds(project.outputs) == {"tenth": 2.0, "new": 3.0}


def test_an_output_within_a_run_that_came_from_elsewhere_is_where_the_run_is_now(
    project: Project, tmp_path: Path
) -> None:
    expression = {"model": "${{ jobs.a.outputs.model }}"}
    run = EarlierRun(project, job("a"), job("b", "a", parameters=expression))
    model = run.folder.job("a").work / "model"
    model.mkdir(parents=True)
    (model / "w").write_bytes(b"weights")
    there = Path("/machines/b/outputs/earlier/jobs/a/work/model")
    output = Output(name="model", value=str(there), content=content_of(model))
    run.write(run.info.plan[0], output)
    run.write(run.info.plan[1], status="failed")
    assert run.kept() == ["a"]
    assert read_outputs(run.folder, "a")["model"].value == str(model)
    (model / "w").write_bytes(b"others!")
    assert run.kept() == []


@pytest.mark.parametrize(
    "value", ["/etc/hosts", "/x/earlier/../../../../etc/hosts", "/x/others/jobs/a/work/model"]
)
def test_no_other_path_is_looked_for_in_the_run(value: str, project: Project) -> None:
    run = EarlierRun(project, job("a"))
    content = PathContent(form="file", sha256="0" * 64, size=1)
    run.write(run.info.plan[0], Output(name="model", value=value, content=content))
    assert read_outputs(run.folder, "a")["model"].value == value
