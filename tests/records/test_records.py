"""Records: what a sparse one means, what none may hold, and how one is written."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from proofbook.records import (
    AnyRecord,
    Attempt,
    Begin,
    CellState,
    Check,
    Evidence,
    Fact,
    Failure,
    Fault,
    Finish,
    Identity,
    MediaFile,
    Metric,
    Node,
    Outcome,
    Output,
    PathContent,
    PlannedJob,
    Question,
    Resumption,
    RunInfo,
)
from proofbook.records.journal import parse_record
from proofbook.resources import Resources

SHA = "a" * 64
FILE: dict[str, Any] = {
    "sha256": SHA, "suffix": ".wav", "size": 0, "media_type": "audio/wav",
}  # fmt: skip
TIME = "2026-01-02T03:04:05Z"

SPARSE: list[tuple[type[BaseModel], dict[str, Any], dict[str, Any]]] = [
    (Begin, {"runbook": "a/b"}, {"kind": "begin", "schema_version": 1, "parameters": {}}),
    (Identity, {"name": "model", "revision": "1"}, {"kind": "identity"}),
    (
        Check,
        {"name": "a", "status": "passed"},
        {"kind": "check", "expected": "", "actual": None, "unit": "", "why": "", "reason": ""},
    ),
    (
        Metric,
        {"name": "a", "value": 1.0},
        {"kind": "metric", "unit": "", "better": "neither", "labels": {}},
    ),
    (
        Evidence,
        {"name": "a", "media_kind": "audio", "file": FILE},
        {"kind": "evidence", "caption": "", "labels": {}, "facts": (), "views": {}},
    ),
    (Output, {"name": "a", "value": 1}, {"kind": "output", "content": None}),
    (
        Question,
        {"name": "a", "text": "?"},
        {
            "kind": "question", "about": (), "form": "approve", "criteria": (), "role": "",
            "required": True, "status": "pending",
        },
    ),
    (Fault, {"what": "x"}, {"kind": "fault"}),
    (Finish, {"counts": {}}, {"kind": "finish"}),
    (Fact, {"name": "a", "value": 1.0}, {"unit": ""}),
    (
        CellState,
        {"index": 0, "id": "a", "cell_type": "code", "status": "failed"},
        {"seconds": None},
    ),
    (
        Failure,
        {"ename": "E", "evalue": ""},
        {"cell_index": None, "cell_id": None, "source": "", "traceback": ""},
    ),
    (
        Attempt,
        {"number": 1, "status": "error", "started": TIME},
        {"cause": "", "ended": None, "infrastructure": False},
    ),
    (Node, {"name": "a"}, {"environment": {}, "hardware": {}}),
    (
        Outcome,
        {"job": "a", "runbook": "a/b"},
        {
            "schema_version": 1, "status": "incomplete", "cause": "", "allowed": False,
            "flaky": False, "resolved": {}, "failure": None, "cells": (), "attempts": (),
            "kernel": "", "node": None, "notebook_sha256": "", "started": None, "ended": None,
        },
    ),
    (
        PlannedJob,
        {"id": "a", "runbook": "a/b", "timeout": 1.0},
        {
            "parameters": {}, "needs": (), "cell_timeout": None, "retries": 0, "allow_skips": (),
            "hardware": {}, "requires": {}, "memory_limit_gb": None,
            "resources": Resources().model_dump(),
        },
    ),
    (
        Resumption,
        {},
        {"commit": "", "dirty": None, "environment": {}, "machine": "", "log_head": ""},
    ),
    (
        RunInfo,
        {"run_id": "1", "profile": "tiny", "plan": ()},
        {
            "schema_version": 1, "profile_path": "", "verdict": "incomplete", "slots": 1,
            "warm": (), "timeout": None, "commit": "", "dirty": None, "environment": {},
            "hardware": {}, "machine": "", "resumed": (), "ended": None,
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("model", "given", "rest"), SPARSE, ids=[m.__name__ for m, _, _ in SPARSE])
def test_what_is_left_out_claims_nothing(
    model: type[BaseModel], given: dict[str, Any], rest: dict[str, Any]
) -> None:
    record = model.model_validate_json(json.dumps(given))
    values = record.model_dump()
    assert values.pop("cell", "") == ""
    times = {
        name: values.pop(name)
        for name in ("time", "started")
        if name not in {**given, **rest} and name in values
    }
    assert values == {**model.model_validate(given).model_dump(include=set(given)), **rest}
    assert all(time.tzinfo is UTC for time in times.values())


@pytest.mark.parametrize(("model", "given", "rest"), SPARSE, ids=[m.__name__ for m, _, _ in SPARSE])
def test_a_record_is_frozen_and_refuses_what_it_does_not_know(
    model: type[BaseModel], given: dict[str, Any], rest: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        model.model_validate({**given, "surprise": 1})
    record = model.model_validate(given)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(record, next(iter({**given, **rest})), "x")


@pytest.mark.parametrize(
    ("model", "given", "wrong"),
    [
        (MediaFile, FILE, {"sha256": "A" * 64}),
        (MediaFile, FILE, {"sha256": "a" * 63}),
        (MediaFile, FILE, {"suffix": "wav"}),
        (MediaFile, FILE, {"suffix": ".123456789"}),
        (MediaFile, FILE, {"size": -1}),
        (PathContent, {"form": "file", "sha256": SHA, "size": 0}, {"size": -1}),
        (PathContent, {"form": "file", "sha256": SHA, "size": 0}, {"sha256": "x"}),
        (Identity, {"name": "model", "revision": "1"}, {"revision": ""}),
        (Fault, {"what": "x"}, {"what": ""}),
        (Output, {"name": "a-1_B", "value": 1}, {"name": "-a"}),
        (Output, {"name": "a", "value": 1}, {"name": "a b"}),
    ],
)
def test_a_value_out_of_its_bounds_is_refused(
    model: type[BaseModel], given: dict[str, Any], wrong: dict[str, Any]
) -> None:
    model.model_validate(given)
    with pytest.raises(ValidationError):
        model.model_validate({**given, **wrong})


def test_a_media_file_has_its_hash_as_its_name() -> None:
    assert MediaFile.model_validate(FILE).filename == f"{SHA}.wav"


@pytest.mark.parametrize("record", [Fault(what="x"), Metric(name="a", value=math.inf)])
def test_a_line_is_read_as_what_it_was_written_as(record: AnyRecord) -> None:
    assert parse_record(record.model_dump_json()) == record


def test_a_number_that_json_lacks_is_a_word() -> None:
    assert json.loads(Metric(name="a", value=-math.inf).model_dump_json())["value"] == "-Infinity"


def test_a_line_of_no_known_kind_is_refused() -> None:
    with pytest.raises(ValidationError, match="kind"):
        parse_record('{"kind": "rumour"}')


def test_keys_that_earlier_versions_had_are_passed_over() -> None:
    question = Question.model_validate({"name": "a", "text": "?", "scale": 5})
    assert question.name == "a"
    info = RunInfo.model_validate({"run_id": "1", "profile": "t", "plan": [], "cause": "x"})
    assert info.run_id == "1"
    with pytest.raises(ValidationError):
        Question.model_validate("scale")


def test_a_field_is_described_where_it_is_declared() -> None:
    assert MediaFile.model_fields["size"].description == "Bytes."


def times(started: int | None, ended: int | None) -> Outcome:
    found = [
        None if second is None else datetime(2026, 1, 2, 3, 4, second, tzinfo=UTC)
        for second in (started, ended)
    ]
    return Outcome(job="a", runbook="a/b", started=found[0], ended=found[1])


def test_a_job_that_has_ended_took_its_time() -> None:
    assert times(5, 7).seconds == 2.0
    assert times(7, 5).seconds == 0.0  # the clock was set back
    assert times(5, None).seconds is None
    assert times(None, 7).seconds is None


@pytest.mark.parametrize(
    ("status", "allowed", "is_green"),
    [
        ("passed", False, True), ("skipped", True, True), ("skipped", False, False),
        ("failed", True, False), ("incomplete", True, False),
    ],
)  # fmt: skip
def test_an_outcome_is_green_where_it_passed_or_was_allowed_to_skip(
    status: Any, allowed: bool, is_green: bool
) -> None:
    assert Outcome(job="a", runbook="a/b", status=status, allowed=allowed).is_green is is_green
