"""A job is waived for its failed checks alone, and every question that is open is named."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from reviewed_run import ANN, START, session_of, write_job

from proofbook.errors import UsageError
from proofbook.records import AnyRecord, Check, Question, RunInfo, now
from proofbook.runs.folder import RunFolder
from proofbook.signoff.acceptance import parse_answer
from proofbook.signoff.sealing import seal_run
from proofbook.signoff.verification import verify_run

LOUD = Check(name="loud", status="failed")
TORN = Check(name="torn", status="error")
FINE = Check(name="fine", status="passed")
DAY = timedelta(days=1)


def run_with(folder: Path, *records: AnyRecord, status: str = "passed") -> RunFolder:
    run = RunFolder(folder / "20260304-090000-demo-aaaa")
    run.media.mkdir(parents=True)
    plan = (write_job(run, "one", list(records), status=status),)
    info = RunInfo(
        run_id=run.path.name, profile="demo", plan=plan, started=START, ended=START + DAY,
        verdict="failed" if status == "failed" else "unreviewed",
    )  # fmt: skip
    run.write_info(info)
    session_of(run).seal()
    return run


def answer(run: RunFolder, question: str, verdict: str = "approved", **more: Any) -> None:
    if verdict == "waived":
        more |= {"comment": "known", "expires": now() + DAY}
    values = {"job": "one", "question": question, "verdict": verdict, **more}
    session_of(run).answer(parse_answer(values), ANN)


@pytest.mark.parametrize(
    ("records", "waived", "verdict"),
    [
        ([LOUD], [], "failed"), ([LOUD], ["loud"], "waived"),
        ([FINE, LOUD], ["loud"], "waived"), ([FINE], [], "failed"),
        ([LOUD, LOUD.model_copy(update={"name": "long"})], ["loud"], "failed"),
        ([LOUD, LOUD.model_copy(update={"name": "long"})], ["loud", "long"], "waived"),
        ([LOUD, Check(name="gpu", status="skipped")], ["loud"], "failed"),
        ([LOUD, TORN], ["loud"], "failed"),
    ],
)  # fmt: skip
def test_every_failed_check_is_waived_and_nothing_else_is_wrong(
    tmp_path: Path, records: list[AnyRecord], waived: list[str], verdict: str
) -> None:
    run = run_with(tmp_path, *records, status="failed")
    for name in waived:
        answer(run, f"check:{name}", "waived")
    assert verify_run(run).verdict == verdict


def test_each_open_question_of_a_job_is_named(tmp_path: Path) -> None:
    questions = [Question(name=name, text="Good?", required=name != "b") for name in "abcd"]
    run = run_with(tmp_path, FINE, *questions)
    answer(run, "a")
    answer(run, "d", "rejected")
    assert [reason.text for reason in verify_run(run).reasons] == [
        "one, d: rejected by Ann", "one, c: nobody has answered",
    ]  # fmt: skip
    answer(run, "c")
    assert [reason.text for reason in verify_run(run).reasons] == ["one, d: rejected by Ann"]
    answer(run, "d")
    assert verify_run(run).verdict == "approved"


def test_a_seal_that_no_resumed_run_explains_is_tampering(tmp_path: Path) -> None:
    run = run_with(tmp_path, FINE)
    assert verify_run(run).verdict == "passed"
    seal_run(run, session_of(run).log, run.path.name)
    found = verify_run(run)
    assert found.verdict == "tampered"
    assert [reason.word for reason in found.reasons] == ["sealed again"]


@pytest.mark.parametrize("form", ["ab", "abx"])
def test_what_is_not_there_is_neither_compared_nor_approved(tmp_path: Path, form: Any) -> None:
    unknown, nothing = (
        Question(name=name, text="Good?", form=form, about=about)
        for name, about in (("unknown", ("f" * 64,)), ("nothing", ()))
    )
    run = run_with(tmp_path, FINE, unknown, nothing)
    with pytest.raises(UsageError, match="evidence does not have the bytes that were recorded"):
        answer(run, "unknown")
    answer(run, "nothing")
