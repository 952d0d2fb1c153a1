"""The report never shows more green than the files support, whatever is broken in them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from sample_run import GOOD, PLAN, build_small, check, write_outcome, write_records

from proofbook.errors import RunFolderError
from proofbook.files import append_line
from proofbook.records import Finish
from proofbook.report import RunSummary, load_run, write_report
from proofbook.report.loading import read_tail
from proofbook.runs.folder import RunFolder, read_records


def test_the_sample_shows_each_job_in_its_own_state(summary: RunSummary) -> None:
    found = {job.id: job.outcome for job in summary.jobs}
    assert found == {
        "environment/packages": "passed",
        "musicgen/generate-small": "passed",
        "musicgen/generate-medium": "failed",
        "musicgen/offload": "skipped",
        "training/resume": "error",
        "training/interrupt": "timed_out",
        "dreambooth/infer": "passed",
        "ttsserver/profiles": "passed",
        "ttsserver/stream": "crashed",
        "models/cuda": "skipped",
        "pipeline/video": "cancelled",
        "pipeline/metrics": "incomplete",
    }
    assert [job.id for job in summary.jobs if job.flaky] == ["ttsserver/profiles"]
    assert summary.verdict == "cancelled"
    assert summary.open_questions == 2


def test_parameters_are_those_given_and_those_in_force(summary: RunSummary) -> None:
    job = next(job for job in summary.jobs if job.id == "training/resume")
    assert job.parameters == {"steps": 200, "lr": 3e-4, "seed": 7, "device": "cpu"}


def no_outcome(run: RunFolder) -> None:
    run.job(GOOD.id).outcome.unlink()


def torn_outcome(run: RunFolder) -> None:
    path = run.job(GOOD.id).outcome
    path.write_bytes(path.read_bytes()[:40])


def no_job(run: RunFolder) -> None:
    job = run.job(GOOD.id)
    for path in job.path.iterdir():
        path.unlink()
    job.path.rmdir()


def no_records(run: RunFolder) -> None:
    run.job(GOOD.id).records.unlink()


def no_finish(run: RunFolder) -> None:
    path = run.job(GOOD.id).records
    path.write_bytes(b"\n".join(path.read_bytes().splitlines()[:-1]) + b"\n")


def torn_finish(run: RunFolder) -> None:
    path = run.job(GOOD.id).records
    path.write_bytes(path.read_bytes()[:-20])


def lost_record(run: RunFolder) -> None:
    path = run.job(GOOD.id).records
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], *lines[2:]]))


def no_media(run: RunFolder) -> None:
    for path in run.media.iterdir():
        path.unlink()


def other_media(run: RunFolder) -> None:
    for path in run.media.iterdir():
        path.chmod(0o644)
        path.write_bytes(b"swords"[:5])


def failed_check(run: RunFolder) -> None:
    run.job(GOOD.id).records.unlink()
    write_records(run, GOOD.id, [check("exists", "failed")], whole=True)


def no_checks(run: RunFolder) -> None:
    run.job(GOOD.id).records.unlink()
    write_records(run, GOOD.id, [], whole=True)


def forbidden_skip(run: RunFolder) -> None:
    run.job(GOOD.id).records.unlink()
    skip = check("gpu", "skipped", reason="no GPU")
    write_records(run, GOOD.id, [check("exists"), skip], whole=True)


def unfinished_cell(run: RunFolder) -> None:
    write_outcome(run, GOOD, "passed", 0, 1, stop=("load", "interrupted"))


def no_end(run: RunFolder) -> None:
    run.write_info(run.read_info().model_copy(update={"ended": None, "verdict": "incomplete"}))


def run_cancelled(run: RunFolder) -> None:
    run.write_info(run.read_info().model_copy(update={"verdict": "cancelled"}))


FAULTS = [
    (no_outcome, "incomplete", "no outcome was written"),
    (torn_outcome, "incomplete", "outcome.json cannot be read"),
    (no_job, "incomplete", "never started"),
    (no_records, "incomplete", "no records were made"),
    (no_finish, "incomplete", "no finish record"),
    (torn_finish, "incomplete", "cannot be read"),
    (lost_record, "incomplete", "records were lost"),
    (no_media, "incomplete", "is missing"),
    (other_media, "incomplete", "other bytes"),
    (failed_check, "failed", "did not pass: exists"),
    (no_checks, "incomplete", "no checks were made"),
    (forbidden_skip, "failed", "required but unavailable: gpu (no GPU)"),
    (unfinished_cell, "incomplete", "cell load is interrupted"),
]


def test_a_whole_run_is_green_in_every_form(tmp_path: Path) -> None:
    run = build_small(tmp_path)
    html = write_report(run).read_text()
    assert load_run(run).verdict == "passed"
    assert "v-passed" in html.split("<main>")[0]
    suites = ET.parse(run.report / "junit.xml").getroot()
    assert (suites.get("failures"), suites.get("errors"), suites.get("tests")) == ("0", "0", "2")
    assert "✅ Passed" in (run.report / "report.md").read_text()


@pytest.mark.parametrize(("fault", "outcome", "cause"), FAULTS)
def test_a_fault_in_the_files_is_green_in_no_form(
    tmp_path: Path, fault: object, outcome: str, cause: str
) -> None:
    run = build_small(tmp_path, fault)  # type: ignore[arg-type]
    html = write_report(run).read_text()
    job = load_run(run).jobs[0]
    assert job.outcome == outcome
    assert cause in job.cause
    data = json.loads((run.report / "report.json").read_text())
    assert (data["verdict"], data["jobs"][0]["outcome"]) == (outcome, outcome)
    suites = ET.parse(run.report / "junit.xml").getroot()
    assert int(suites.get("failures", "0")) + int(suites.get("errors", "0")) >= 1
    assert "✅" not in (run.report / "report.md").read_text().partition("### ")[0]
    assert f"v-{outcome}" in html.split("<main>")[0]
    assert f'data-state="{outcome}"' in html
    assert 'data-state="passed"' not in html


@pytest.mark.parametrize(
    ("fault", "verdict"), [(no_end, "incomplete"), (run_cancelled, "cancelled")]
)
def test_a_run_that_is_not_green_as_a_whole_is_green_in_no_form(
    tmp_path: Path, fault: object, verdict: str
) -> None:
    run = build_small(tmp_path, fault)  # type: ignore[arg-type]
    html = write_report(run).read_text()
    assert json.loads((run.report / "report.json").read_text())["verdict"] == verdict
    assert ET.parse(run.report / "junit.xml").getroot().get("errors") == "1"
    assert f"v-{verdict}" in html.split("<main>")[0]


def test_a_pending_question_is_its_own_state_and_not_green(tmp_path: Path) -> None:
    run = build_small(tmp_path, questions=True)
    head = write_report(run).read_text().split("<main>")[0]
    assert load_run(run).verdict == "unreviewed"
    assert "v-unreviewed" in head
    assert "nobody has looked yet: 1 question waits for a person" in head
    assert "👀 Waiting for review" in (run.report / "report.md").read_text()


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not a run"):
        load_run(RunFolder(tmp_path))


def test_a_report_is_rebuilt_from_the_files_alone(tmp_path: Path) -> None:
    run = build_small(tmp_path)
    first = write_report(run).read_bytes()
    for path in run.report.iterdir():
        path.unlink()
    assert write_report(run).read_bytes() == first


def test_a_later_attempt_with_more_records_is_no_longer_supported(tmp_path: Path) -> None:
    run = build_small(tmp_path)
    records, _ = read_records(run.job(GOOD.id).records)
    append_line(run.job(GOOD.id).records, Finish(counts={}).model_dump_json())
    assert len(records) == 4
    assert load_run(run).jobs[0].outcome == "incomplete"


def test_the_tail_of_a_log_is_plain_text_and_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "output.log"
    log.write_bytes(b"\x1b[31mred\x1b[0m\r\n 10%\r 90%\r100%\nbell\x07 \xff\x1b]0;title\x07end")
    assert read_tail(log) == ("red", "100%", "bell \ufffdend")
    log.write_text("".join(f"{i}\n" for i in range(100)))
    assert read_tail(log, 3) == ("97", "98", "99")
    assert read_tail(tmp_path / "none.log") == ()


def test_the_tail_of_a_huge_log_is_bounded(tmp_path: Path) -> None:
    log = tmp_path / "output.log"
    log.write_text("x" * 500_000 + "\n" + "y" * 5000 + "\nlast\n")
    tail = read_tail(log)
    assert tail[-1] == "last"
    assert sum(map(len, tail)) < 3000


def test_every_planned_job_is_there(summary: RunSummary) -> None:
    assert [job.id for job in summary.jobs] == [job.id for job in PLAN]
