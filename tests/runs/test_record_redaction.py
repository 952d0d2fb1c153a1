"""Our own records stay readable by their schema, and a person's keys have no special meaning."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from proofbook.records import (
    Check,
    Evidence,
    Failure,
    Fault,
    Finish,
    MediaFile,
    Metric,
    Outcome,
    PlannedJob,
    RunInfo,
)
from proofbook.records.journal import parse_record
from proofbook.runs.record_redaction import redact_record, redact_record_values
from proofbook.runs.redaction import Redactor

SECRET = "Zq81xyzw42"
MARK = "[redacted:A_TOKEN]"
KEYS = ("id", "status", "kind", "time", "job", "started", "verdict", "sha256", "commit", "suffix")


@pytest.fixture
def redact() -> Redactor:
    return Redactor.from_environment({"A_TOKEN": SECRET})


@pytest.mark.parametrize("key", KEYS)
def test_a_persons_keys_hide_nothing(redact: Redactor, key: str) -> None:
    check = Check(name="a", status="passed", actual={key: SECRET, "deep": [{key: [SECRET]}]})
    clean = redact_record(redact, check)
    assert clean["actual"] == {key: MARK, "deep": [{key: [MARK]}]}
    assert redact.walk({key: SECRET}) == {key: MARK}


def test_a_secret_as_a_key_or_a_label_is_replaced() -> None:
    redact = Redactor.from_environment({"A_TOKEN": "lowercase-secret"})
    metric = Metric(name="speed", value=1, labels={"lowercase-secret": "lowercase-secret"})
    assert redact_record(redact, metric)["labels"] == {MARK: MARK}
    assert redact.walk({"lowercase-secret": 1, "a lowercase-secret": 2}) == {
        MARK: 1,
        f"a {MARK}": 2,
    }


def test_two_keys_that_become_one_are_both_kept() -> None:
    redact = Redactor({"first-secret": "A", "other-secret": "A"})
    clean = redact.walk({"first-secret": 1, "other-secret": 2})
    assert clean == {"[redacted:A]": 1, "[redacted:A] (2)": 2}


@pytest.mark.parametrize("word", ["incomplete", "evidence", "training", "demo-one", "audio/wav"])
def test_a_word_as_a_password_spoils_no_record(word: str) -> None:
    redact = Redactor.from_environment({"DB_PASSWORD": word})
    file = MediaFile(sha256="a" * 64, suffix=".wav", size=1, media_type="audio/wav")
    job = PlannedJob(id="demo-one", runbook="training/one", needs=("demo-one",), timeout=1)
    for record in (
        Outcome(job="demo-one", runbook="training/one"),
        Evidence(name="a", media_kind="audio", file=file),
        Finish(counts={"evidence": 1}),
        RunInfo(run_id="demo-one", profile="training", plan=(job,)),
    ):
        clean = redact_record(redact, record)
        assert type(record).model_validate(clean) == record


def test_a_random_secret_is_replaced_in_an_identifier_too(redact: Redactor) -> None:
    outcome = Outcome(job=f"demo-{SECRET}", runbook="a/b")
    assert redact_record(redact, outcome)["job"] == f"demo-{MARK}"


def test_what_claims_to_be_a_record_keeps_what_its_schema_allows(redact: Redactor) -> None:
    clean = redact_record_values(
        redact, {"kind": "check", "name": SECRET, "status": SECRET, "time": SECRET, "more": SECRET}
    )
    assert SECRET not in json.dumps(clean)
    assert clean["kind"] == "check"


def test_a_password_that_is_a_word_of_the_schema_stays_where_the_schema_has_it() -> None:
    redact = Redactor.from_environment({"DB_PASSWORD": "skipped"})
    mark = "[redacted:DB_PASSWORD]"
    values = {"kind": "check", "name": "a", "status": "skipped", "reason": "skipped"}
    assert redact_record_values(redact, values) == {**values, "reason": mark}
    assert redact_record_values(redact, {**values, "kind": "other"})["status"] == mark
    assert redact_record_values(redact, {"kind": 1, "status": "skipped"})["status"] == mark
    assert redact_record_values(redact, ["skipped"]) == [mark]


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "question", "about": SECRET},
        {"kind": "question", "about": [SECRET, "b"]},
        {"kind": "evidence", "file": SECRET},
        {"kind": "evidence", "facts": [SECRET]},
        {"kind": "finish", "counts": SECRET},
        {"kind": "check", "time": SECRET},
        {"kind": "check", "time": 3},
        {"kind": "begin", "schema_version": SECRET},
        {"kind": "metric", "value": SECRET},
    ],
)
def test_what_has_another_form_than_its_schema_is_a_persons(
    redact: Redactor, values: dict[str, object]
) -> None:
    assert redact_record_values(redact, values) == redact.walk(values)


def test_what_may_be_missing_is_redacted_as_what_it_is_where_it_is_there() -> None:
    redact = Redactor.from_environment({"DB_PASSWORD": "48392017", "A_PASSWORD": "demo-one"})
    failure = Failure(cell_index=48392017, cell_id="demo-one", ename="E", evalue="demo-one")
    clean = redact_record(redact, failure)
    assert (clean["cell_index"], clean["cell_id"]) == (48392017, "demo-one")
    assert clean["evalue"] == "[redacted:A_PASSWORD]"
    assert redact_record(redact, failure.model_copy(update={"cell_id": None}))["cell_id"] is None


def test_what_may_be_a_number_or_a_text_is_a_persons() -> None:
    redact = Redactor.from_environment({"DB_PASSWORD": "48392017"})
    values = {"kind": "evidence", "facts": [{"name": "a", "value": 48392017}]}
    clean = redact_record_values(redact, values)
    assert clean["facts"] == [{"name": "a", "value": "[redacted:DB_PASSWORD]"}]


def test_a_record_that_was_read_back_is_the_same(redact: Redactor) -> None:
    metric = Metric(name="speed", value=float("nan"), better="higher", labels={"a": 1, "b": True})
    clean = redact_record(redact, metric)
    assert redact_record_values(redact, clean) == clean
    assert parse_record(json.dumps(clean)).kind == "metric"


def test_a_number_that_is_a_password_is_replaced_where_a_person_put_it() -> None:
    redact = Redactor.from_environment({"DB_PASSWORD": "48392017"})
    assert redact.walk({"n": 48392017, "m": 48392018}) == {
        "n": "[redacted:DB_PASSWORD]",
        "m": 48392018,
    }


def test_times_and_counts_stay_what_they_are_whoever_has_them_as_a_password() -> None:
    redact = Redactor({"2026-11-27": "A_PIN", "48392017": "B_PIN"})
    moment = datetime(2026, 11, 27, 12, tzinfo=UTC)
    finish = Finish(counts={"check": 48392017}, time=moment)
    assert type(finish).model_validate(redact_record(redact, finish)) == finish
    outcome = Outcome(job="demo", runbook="a/b", started=moment, ended=moment)
    assert Outcome.model_validate(redact_record(redact, outcome)) == outcome
    fault = Fault(what="on 2026-11-27", time=moment)
    assert redact_record(redact, fault)["what"] == "on [redacted:A_PIN]"


def test_what_a_schema_does_not_know_is_a_persons(redact: Redactor) -> None:
    clean = redact_record_values(redact, {"kind": "check", SECRET: [SECRET], "other": "as it is"})
    assert clean == {"kind": "check", MARK: [MARK], "other": "as it is"}
