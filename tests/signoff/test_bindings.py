"""The hashes that an answer is bound to stay as they are from one edition to the next."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from made_entries import NINE
from unprivileged import without_rights

from proofbook.records import Begin, Check, Evidence, MediaFile, PlannedJob, Question, RunInfo
from proofbook.runs.folder import RunFolder
from proofbook.signoff.binding import (
    AskedJob,
    bind,
    bind_check,
    differences,
    plan_hash,
    read_asked_job,
)
from proofbook.signoff.entries import Subject

PLANNED = PlannedJob(id="clip", runbook="demo/clip", timeout=60, parameters={"b": 1, "ü": "é"})


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def evidence(name: str, text: str) -> Evidence:
    file = MediaFile(sha256=sha256(text), size=1, suffix=".wav", media_type="audio/wav")
    return Evidence(name=name, media_kind="audio", file=file)


ONE, TWO = evidence("one", "1"), evidence("two", "22")
QUESTION = Question(
    name="good", text="Gut, oder nicht gut? Schön?", criteria=("noise",), role="lead",
    about=("f" * 64, ONE.file.sha256, TWO.file.sha256), form="score",
)  # fmt: skip


def job_with(*records: Any, **more: Any) -> AskedJob:
    values = {"run_id": "r", "plan_sha256": "a" * 64, "made_with_sha256": "e" * 64,
              "planned": PLANNED, "records": records, "notebook_sha256": "b" * 64}  # fmt: skip
    return AskedJob(**{**values, **more})


def test_parameters_are_hashed_as_they_were_in_force() -> None:
    begin = Begin(runbook="demo/clip", parameters={"a": 2, "b": 3})
    assert job_with().parameters_sha256 == sha256(r'{"b":1,"\u00fc":"\u00e9"}')
    job = job_with(begin)
    assert job.parameters == {"a": 2, "b": 3, "ü": "é"}
    assert job.parameters_sha256 == sha256(r'{"a":2,"b":3,"\u00fc":"\u00e9"}')
    assert dict(PLANNED.parameters) == {"b": 1, "ü": "é"}


def test_checks_are_hashed_with_what_they_found() -> None:
    check = Check(name="loud", status="failed", expected="> 1", actual=0.5, unit="dB")
    job = job_with(check, Check(name="fine", status="passed"))
    assert [c.name for c in job.checks] == ["loud", "fine"]
    assert job.checks_sha256 == sha256(
        '[["loud","failed","> 1",0.5,"dB"],["fine","passed","",null,""]]'
    )


def test_a_plan_is_hashed_by_what_is_set(tmp_path: Path) -> None:
    plan = (PlannedJob(id="clip", runbook="demo/clip", timeout=60, parameters={"b": [1, None]}),
            PlannedJob(id="looks", runbook="demo/clip", timeout=9.5))  # fmt: skip
    info = RunInfo(run_id="r", profile="demo", plan=plan, started=NINE)
    assert plan_hash(info) == sha256(
        '[{"id":"clip","parameters":{"b":[1,null]},"runbook":"demo/clip","timeout":60.0},'
        '{"id":"looks","runbook":"demo/clip","timeout":9.5}]'
    )
    run = RunFolder(tmp_path)
    run.job("clip").path.mkdir(parents=True)
    asked = read_asked_job(run, info, plan[0])
    assert (asked.run_id, asked.id, asked.runbook) == ("r", "clip", "demo/clip")
    assert (asked.plan_sha256, asked.notebook_sha256, asked.records) == (plan_hash(info), "", ())
    assert asked.made_with_sha256 == sha256(
        '{"profile":"demo","run_id":"r","started":"2026-03-04T09:00:00Z"}'
    )
    run.job("clip").notebook.write_text("{}")
    assert read_asked_job(run, info, plan[0]).notebook_sha256 == sha256("{}")


def test_an_answer_is_bound_to_each_file_as_it_is(tmp_path: Path) -> None:
    job = job_with(ONE, TWO, QUESTION)
    (tmp_path / TWO.file.filename).write_text("22")
    found = bind(job, QUESTION, tmp_path)
    assert found.subjects == (
        Subject(name="one", sha256="0" * 64, size=0, media_type="audio/wav"),
        Subject(name="two", sha256=sha256("22"), size=2, media_type="audio/wav"),
    )
    assert (found.run, found.job, found.question) == ("r", "clip", "good")
    assert (found.notebook_sha256, found.plan_sha256) == ("b" * 64, "a" * 64)
    assert found.parameters_sha256 == job.parameters_sha256
    assert found.checks_sha256 == job.checks_sha256 == sha256("[]")
    about = ",".join(f'"{each}"' for each in QUESTION.about)
    assert found.question_sha256 == sha256(
        r'["good","Gut, oder nicht gut? Sch\u00f6n?","score",["noise"],"lead",true,'
        f"[{about}]]"
    )
    hashed = bind(job, QUESTION, tmp_path, lambda path: "c" * 64)
    assert [subject.sha256 for subject in hashed.subjects] == ["0" * 64, "c" * 64]


def test_a_waiver_is_bound_to_no_media() -> None:
    found = bind_check(job_with(ONE), "loud")
    assert (found.question, found.subjects, found.question_sha256) == ("check:loud", (), "")
    assert (found.plan_sha256, found.run) == ("a" * 64, "r")
    assert found.made_with_sha256 == "e" * 64


@pytest.mark.parametrize("field", ["question_sha256", "plan_sha256", "made_with_sha256"])
def test_an_answer_of_the_first_edition_is_not_bound_to_what_it_did_not_know(field: str) -> None:
    now = bind_check(job_with(), "x").model_copy(update={"question_sha256": "d" * 64})
    older = now.model_copy(update={field: ""})
    assert differences(older, now) == []
    assert len(differences(now, older)) == 1
    assert differences(now, now) == []


def test_an_answer_is_bound_to_nothing_that_nobody_may_read(tmp_path: Path) -> None:
    media = tmp_path / ONE.file.filename
    media.write_text("1")
    job = job_with(ONE)
    assert bind(job, QUESTION, tmp_path).subjects[0].sha256 == ONE.file.sha256
    for path, mode in ((media, 0), (tmp_path, 0o600)):
        with without_rights(path, mode):
            (subject,) = bind(job, QUESTION, tmp_path).subjects
        assert (subject.sha256, subject.size) == ("0" * 64, 0)
