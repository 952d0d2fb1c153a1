"""Checks write down each record at once, and cannot be green by accident."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from proofbook.checks import Checks, at_least, within
from proofbook.checks.journal import JOB_FOLDER, MEDIA_FOLDER, Journal, open_journal
from proofbook.errors import ChecksFailed, UsageError
from proofbook.media import text
from proofbook.project import Project
from proofbook.records import Begin, Check, Evidence, Fact, Finish, Identity, Metric, Question
from proofbook.runs.folder import read_records
from proofbook.runs.redaction import Redactor


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(folder=tmp_path, media=tmp_path / "media")


@pytest.fixture
def checks(journal: Journal) -> Checks:
    return Checks("demo/one", {"size": np.int64(3)}, journal=journal)


def records(journal: Journal) -> list[object]:
    found, unreadable = read_records(journal.folder / "records.jsonl")
    assert unreadable == 0
    return list(found)


def test_each_record_is_on_disk_when_the_call_returns(checks: Checks, journal: Journal) -> None:
    checks.expect("one", True)
    begin, check = records(journal)
    assert isinstance(begin, Begin) and begin.parameters == {"size": 3}
    assert isinstance(check, Check) and check.status == "passed"


def test_what_is_tested_is_identified(checks: Checks, journal: Journal) -> None:
    checks.identify("model", "0123abcd")
    identity = records(journal)[-1]
    assert isinstance(identity, Identity)
    assert (identity.name, identity.revision) == ("model", "0123abcd")
    with pytest.raises(UsageError, match="two subjects are called 'model'"):
        checks.identify("model", "4567cdef")
    with pytest.raises(ValueError, match="revision"):
        checks.identify("codec", "")


def test_a_wrong_value_fails_and_does_not_raise(checks: Checks, journal: Journal) -> None:
    checks.expect("duration", actual=29.0, expected=within(30, 0.5), unit="s", why="w")
    check = records(journal)[-1]
    assert isinstance(check, Check)
    assert (check.status, check.expected, check.actual, check.unit, check.why) == (
        "failed",
        "30 ± 0.5",
        29.0,
        "s",
        "w",
    )


def test_a_value_that_cannot_be_compared_is_an_error(checks: Checks, journal: Journal) -> None:
    checks.expect("loudness", actual=None, expected=at_least(-40))
    check = records(journal)[-1]
    assert isinstance(check, Check)
    assert check.status == "error"
    assert "TypeError" in check.reason


def test_a_callable_that_raises_is_an_error(checks: Checks) -> None:
    checks.expect("readable", lambda: 1 / 0)
    with pytest.raises(ChecksFailed, match="readable"):
        checks.finish()


def test_numpy_values_are_recorded_as_plain_ones(checks: Checks, journal: Journal) -> None:
    checks.expect("flag", np.bool_(True), expected=np.bool_(True))
    checks.expect("nan", np.float32("nan"), expected=at_least(0))
    actual = [r.actual for r in records(journal) if isinstance(r, Check)]
    assert actual == [True, "nan"]


def test_nothing_verified_is_refused(checks: Checks) -> None:
    with pytest.raises(UsageError, match="no actual value"):
        checks.expect("empty")


def test_require_ends_the_runbook(checks: Checks) -> None:
    checks.require("fine", True)
    with pytest.raises(ChecksFailed, match=r"'model-loads'.*expected True, found False") as stopped:
        checks.require("model-loads", False)
    assert stopped.value.names == ("model-loads",)


def test_two_checks_of_one_name_are_refused(checks: Checks) -> None:
    checks.expect("one", True)
    with pytest.raises(UsageError, match="two checks"):
        checks.expect("one", True)


def test_finish_counts_what_came_before(checks: Checks, journal: Journal) -> None:
    checks.expect("one", True)
    checks.measure("speed", 2.5, unit="x", better="higher", labels={"model": "small"})
    checks.finish()
    last = records(journal)[-1]
    assert isinstance(last, Finish)
    assert last.counts == {"begin": 1, "check": 1, "metric": 1}


def test_finish_raises_for_a_failed_check_after_writing_its_record(
    checks: Checks, journal: Journal
) -> None:
    checks.expect("bad", False)
    with pytest.raises(ChecksFailed) as failure:
        checks.finish()
    assert failure.value.names == ("bad",)
    assert isinstance(records(journal)[-1], Finish)


def test_finish_without_any_check_raises(checks: Checks) -> None:
    with pytest.raises(ChecksFailed, match="nothing was verified"):
        checks.finish()


def test_nothing_comes_after_finish(checks: Checks) -> None:
    checks.expect("one", True)
    checks.finish()
    with pytest.raises(UsageError, match="finish\\(\\) was called already"):
        checks.expect("late", True)
    with pytest.raises(UsageError, match="finish\\(\\) was called twice"):
        checks.finish()


def test_a_skip_needs_a_reason(checks: Checks) -> None:
    with pytest.raises(UsageError, match="reason"):
        checks.skip("gpu", reason=" ")


def test_a_skip_is_a_check_with_its_reason(checks: Checks, journal: Journal) -> None:
    checks.skip("gpu", reason="no GPU")
    check = records(journal)[-1]
    assert isinstance(check, Check)
    assert (check.name, check.status, check.reason) == ("gpu", "skipped", "no GPU")


def test_a_metric_has_its_unit_direction_and_labels(checks: Checks, journal: Journal) -> None:
    checks.measure("speed", 2, unit="token/s", better="higher", labels={"model": "small"})
    checks.measure("loss", 1)
    metrics = [record for record in records(journal) if isinstance(record, Metric)]
    assert [(m.name, m.value, m.unit, m.better, m.labels) for m in metrics] == [
        ("speed", 2.0, "token/s", "higher", {"model": "small"}),
        ("loss", 1.0, "", "neither", {}),
    ]


def test_evidence_has_all_that_its_media_tell(checks: Checks, journal: Journal) -> None:
    media = replace(
        text("hello", caption="the log", model="small"),
        facts=(Fact(name="lines", value=1),),
        views={"start": b"picture"},
    )
    shown = checks.show(media)
    assert records(journal)[-1] == shown
    assert (shown.caption, shown.labels, shown.facts) == (
        "the log", {"model": "small"}, (Fact(name="lines", value=1),),
    )  # fmt: skip
    view = shown.views["start"]
    assert view.suffix == ".png"
    assert (journal.media / view.filename).read_bytes() == b"picture"


def test_each_call_shows_what_it_has_recorded(
    checks: Checks, displayed: list[dict[str, str]]
) -> None:
    checks.expect("one", True)
    shown = checks.show(text("hello", caption="the log"))
    checks.output("size", 3)
    checks.ask("good", "Is it good?", about=[shown])
    checks.finish()
    assert [bundle["text/plain"] for bundle in displayed] == [
        "✓ one: passed",
        "text: the log",
        "→ size: 3",
        "? Is it good?",
        "demo/one: 1 passed",
    ]


def test_a_question_is_about_what_was_shown(checks: Checks, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    other = Checks("demo/two", journal=Journal(folder=tmp_path / "two", media=tmp_path))
    shown = other.show(text("hello"))
    with pytest.raises(UsageError, match="'good' is about evidence that this runbook has not"):
        checks.ask("good", "Is it good?", about=[shown])


def test_a_refused_file_is_named(tmp_path: Path) -> None:
    redact = Redactor.from_environment({"HF_TOKEN": "Zq81xyzw"})
    checks = Checks("demo/one", journal=Journal(folder=tmp_path, media=tmp_path, redact=redact))
    media = replace(text("hello"), source=b"a Zq81xyzw", suffix=".bin")
    with pytest.raises(UsageError, match="evidence 'log': the file or its metadata holds the val"):
        checks.show(media, name="log")


def test_evidence_is_stored_once_under_its_hash(checks: Checks, journal: Journal) -> None:
    first = checks.show(text("hello", caption="a"))
    second = checks.show(text("hello", caption="b"))
    assert first.file == second.file
    assert [p.name for p in journal.media.iterdir()] == [first.file.filename]
    assert sum(isinstance(r, Evidence) for r in records(journal)) == 2


def test_a_question_is_bound_to_the_bytes_it_is_about(checks: Checks, journal: Journal) -> None:
    shown = checks.show(text("hello"))
    checks.ask("reads-well", "Does it read well?", about=[shown])
    question = records(journal)[-1]
    assert isinstance(question, Question)
    assert (question.about, question.status) == ((shown.file.sha256,), "pending")


def test_a_metric_may_be_nan_and_stays_so(checks: Checks, journal: Journal) -> None:
    checks.measure("loss", math.nan)
    metric = records(journal)[-1]
    assert isinstance(metric, Metric)
    assert math.isnan(metric.value)


def test_a_secret_is_never_written(tmp_path: Path) -> None:
    journal = Journal(
        folder=tmp_path,
        media=tmp_path / "media",
        redact=Redactor.from_environment({"HF_TOKEN": 'planted-"token"-123'}),
    )
    checks = Checks("demo/one", {"x": 'planted-"token"-123'}, journal=journal)
    checks.expect("echo", 'planted-"token"-123', expected="other")
    written = (tmp_path / "records.jsonl").read_text()
    assert "planted" not in written
    assert written.count("[redacted:HF_TOKEN]") == 2


def test_a_secret_in_a_text_is_not_stored_and_not_glued(tmp_path: Path) -> None:
    glued: dict[str, object] = {}
    redact = Redactor.from_environment({"HF_TOKEN": "Zq81xyzw"})
    journal = Journal(folder=tmp_path, media=tmp_path, redact=redact, glue=glued.__setitem__)
    checks = Checks("demo/one", journal=journal)
    log = tmp_path / "run.log"
    log.write_text("the token is Zq81xyzw\n")
    shown = checks.show(text(log))
    checks.expect("echo", "Zq81xyzw", expected="other")
    stored = (tmp_path / shown.file.filename).read_text()
    assert stored == "the token is [redacted:HF_TOKEN]\n"
    assert "Zq81xyzw" not in json.dumps(glued)


def test_a_secret_that_appears_later_is_not_written_and_is_told_to_the_runner(
    tmp_path: Path,
) -> None:
    environment: dict[str, str] = {}
    told: dict[str, str] = {}
    journal = Journal(
        folder=tmp_path,
        media=tmp_path,
        redact=Redactor({}),
        environment=environment,
        announce=told.update,
    )
    checks = Checks("demo/one", journal=journal)
    environment["HF_TOKEN"] = "Zq81xyzw42"
    checks.expect("echo", "Zq81xyzw42", expected="other")
    assert told == {"Zq81xyzw42": "HF_TOKEN"}
    assert "Zq81" not in (tmp_path / "records.jsonl").read_text()


def test_glue_gets_every_record(tmp_path: Path) -> None:
    glued: dict[str, object] = {}
    journal = Journal(folder=tmp_path, media=tmp_path, glue=glued.__setitem__)
    checks = Checks("demo/one", journal=journal)
    checks.expect("one", True)
    checks.measure("speed", 1.0, labels={"b": 2, "a": 1})
    checks.measure("loss", 1.0)
    shown = checks.show(text("hello"), name="log")
    checks.finish()
    assert list(glued) == [
        "proofbook/demo/one",
        "check/one",
        "metric/speed{a=1,b=2}",
        "metric/loss",
        f"evidence/log-{shown.file.sha256[:12]}",
        "proofbook/finish",
    ]
    json.dumps(glued)


def test_in_a_run_the_jobs_folder_is_used(tmp_path: Path) -> None:
    environment = {JOB_FOLDER: str(tmp_path / "job"), MEDIA_FOLDER: str(tmp_path / "media")}
    journal = open_journal("demo/one", environment)
    assert (journal.folder, journal.media) == (tmp_path / "job", tmp_path / "media")


def test_outside_of_a_run_a_folder_under_outputs_is_made(project: Project) -> None:
    journal = open_journal("demo/one", {})
    assert journal.folder.parent == project.outputs / "interactive"
    assert journal.folder.name.startswith("demo-one-")


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot write records in"):
        open_journal("demo/one", {JOB_FOLDER: str(tmp_path / "file" / "job")})
