"""Run folders of schema 1 are still read: by the report, verification, review and resume.

``schema1/`` was written by hand, as version 0.1 left its files: questions have a ``scale``, and
``run.json`` has a ``cause``.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from proofbook.project import Project
from proofbook.report import load_run, write_report
from proofbook.runner.resume import kept_outcomes, runbooks_of
from proofbook.runs.finding import find_run
from proofbook.runs.folder import RunFolder
from proofbook.signoff.baseline import find_baselines
from proofbook.signoff.verification import verify_run

CAUSE = "FileNotFoundError: [Errno 2] No such file or directory: 'weights.bin' (cell read)"


@pytest.fixture
def old(tmp_path: Path) -> Project:
    """The project of the run, as a copy."""
    shutil.copytree(Path(__file__).with_name("schema1"), tmp_path / "project")
    return Project(tmp_path / "project")


@pytest.fixture
def run(old: Project) -> RunFolder:
    return find_run(old.outputs)


def test_the_files_have_the_keys_that_nothing_writes_any_more(run: RunFolder) -> None:
    assert "cause" in json.loads(run.info_file.read_text())
    assert '"scale":' in run.job("demo-hello").records.read_text()


def test_its_report_is_written(run: RunFolder) -> None:
    assert "<h1>Broken</h1>" in write_report(run).read_text()
    summary = load_run(run)
    assert [(job.id, job.outcome, job.cause) for job in summary.jobs] == [
        ("demo-hello", "passed", ""),
        ("demo-broken", "error", CAUSE),
    ]
    (question,) = summary.jobs[0].questions
    assert (question.form, question.status) == ("approve", "approved")
    assert [job.unreadable_lines for job in summary.jobs] == [0, 0]


def test_its_report_is_part_of_the_history(run: RunFolder, old: Project) -> None:
    write_report(run)
    path = run.report / "report.json"
    values = json.loads(path.read_text())
    values["jobs"][0]["questions"][0]["scale"] = ["approve", "reject"]
    path.write_text(json.dumps(values))
    (old.outputs / "history.sqlite").unlink()
    later = shutil.copytree(run.path, old.outputs / "20250602-101500-tiny-0a1b")
    info = json.loads((later / "run.json").read_text())
    info |= {"run_id": later.name, "started": "2025-06-02T10:15:00Z"}
    (later / "run.json").write_text(json.dumps(info))
    (later / "signoffs.jsonl").unlink()
    (later / "signoffs.head").unlink()
    page = write_report(RunFolder(later)).read_text()
    assert f"Compared with {run.path.name}" in page


def test_it_is_verified_with_its_seal_and_its_answer(run: RunFolder) -> None:
    verification = verify_run(run)
    assert (verification.verdict, tuple(reason.text for reason in verification.reasons)) == (
        "failed",
        (f"demo-broken error: {CAUSE}",),
    )
    assert [answer.reviewer.name for answer in verification.answers] == ["Ann"]
    log = run.job("demo-hello").log
    log.write_text("another line\n")
    assert verify_run(run).reasons[0].text == "jobs/demo-hello/output.log has been changed"


def test_its_approved_take_is_a_baseline(old: Project) -> None:
    assert list(find_baselines(old.outputs)) == [("demo/hello", "demo-hello", "greeting")]


def test_resuming_it_keeps_what_passed(run: RunFolder, old: Project) -> None:
    info = run.read_info()
    kept = kept_outcomes(run, info, runbooks_of(old, info), "failed")
    assert [(name, outcome.status) for name, outcome in kept.items()] == [("demo-hello", "passed")]
    run.write_info(info)
    assert run.read_info() == info
