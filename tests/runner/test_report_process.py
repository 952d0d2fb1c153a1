"""A report that is written by a process of its own is the same, and fails in the same way."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from reviewed_run import approve_all, make_run

from proofbook.errors import ProofbookError
from proofbook.records import PlannedJob, RunInfo
from proofbook.report import write_report
from proofbook.runner import report_process
from proofbook.runner.report_process import write_report_apart
from proofbook.runs.folder import RunFolder
from proofbook.signoff.trust import EVERYBODY, find_trust


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "r1")
    run.media.mkdir(parents=True)
    plan = (PlannedJob(id="a", runbook="demo/one", timeout=1),)
    run.write_info(RunInfo(run_id="r1", profile="tiny", plan=plan))
    return run


def test_it_is_the_same_report(run: RunFolder) -> None:
    assert write_report_apart(run) == run.report / "index.html"
    apart = (run.report / "report.json").read_bytes()
    write_report(run)
    assert (run.report / "report.json").read_bytes() == apart


def test_it_counts_the_answers_of_those_who_are_trusted(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs")
    approve_all(run)
    signers = tmp_path / "signers"
    signers.touch()
    for trust, verdict in ((EVERYBODY, "passed"), (find_trust(signers=signers), "unreviewed")):
        write_report_apart(run, trust=trust)
        assert json.loads((run.report / "report.json").read_bytes())["verdict"] == verdict


def test_what_keeps_it_from_being_written_is_raised_with_its_number(run: RunFolder) -> None:
    run.report.write_text("a file where the folder should be")
    with pytest.raises(FileExistsError) as caught:
        write_report_apart(run)
    assert caught.value.errno == errno.EEXIST
    assert str(run.report) in str(caught.value)


def test_any_other_end_is_an_error_with_its_last_line(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.info_file.unlink()
    with pytest.raises(ProofbookError, match=r"r1 could not be written: .*is not a run"):
        write_report_apart(run)
    monkeypatch.setattr(report_process.sys, "executable", "/bin/false")
    with pytest.raises(ProofbookError, match="exit code 1"):
        write_report_apart(run)
