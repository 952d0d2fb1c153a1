"""A line of the log is an entry of one form, or none."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from pydantic import ValidationError

from proofbook.signoff.entries import (
    Acceptance,
    Answer,
    Change,
    Comparison,
    Reviewer,
    Seal,
    canonical,
    line_hash,
    parse_entry,
)

ZEROS = "0" * 64
TIME = "2026-03-04T09:00:00Z"
BINDING = {
    "run": "r", "job": "clip", "question": "good", "notebook_sha256": "",
    "parameters_sha256": ZEROS, "checks_sha256": ZEROS,
}  # fmt: skip
ANSWER = {
    "kind": "answer", "number": 0, "previous": ZEROS, "time": TIME, "id": "a" * 32,
    "reviewer": {"name": "Ann"}, "meaning": "good", "verdict": "approved", "binding": BINDING,
}  # fmt: skip
ACCEPTANCE = {
    "kind": "acceptance", "number": 0, "previous": ZEROS, "time": TIME, "id": "a" * 32, "run": "r",
    "reviewer": {"name": "Ann"}, "files": {"a": [1, ZEROS], "b": None}, "comment": "x",
}  # fmt: skip
SEAL = {
    "kind": "seal", "number": 0, "previous": ZEROS, "time": TIME, "run": "r",
    "files": {"a": [0, ZEROS]},
}  # fmt: skip
SUBJECT = {"name": "clip", "sha256": ZEROS, "size": 0, "media_type": "audio/wav"}
COMPARISON = {"form": "abx", "approved_sha256": ZEROS, "trials": 0, "correct": 0}


def without(values: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != key}


@pytest.mark.parametrize(
    "values",
    [
        ANSWER, ACCEPTANCE, SEAL,
        {**ANSWER, "comment": "x" * 10_000},
        {**ACCEPTANCE, "comment": "x" * 10_000},
        {**ANSWER, "reviewer": {"name": "x" * 200, "identified_by": "x" * 200}},
        {**ANSWER, "binding": {**BINDING, "subjects": [SUBJECT]}},
        {**ANSWER, "comparison": COMPARISON},
    ],
)  # fmt: skip
def test_an_entry_within_its_bounds_is_read(values: dict[str, Any]) -> None:
    assert parse_entry(json.dumps(values)).kind == values["kind"]


@pytest.mark.parametrize(
    "values",
    [
        without(ANSWER, "kind"), without(SEAL, "kind"), {**ANSWER, "kind": "wish"},
        {**ANSWER, "number": -1}, {**SEAL, "number": -1}, {**ANSWER, "more": 1},
        {**SEAL, "more": 1}, {**ANSWER, "schema_version": 2},
        {**ANSWER, "id": "a" * 31}, {**ANSWER, "id": "a" * 33}, {**ANSWER, "id": "A" * 32},
        {**ACCEPTANCE, "id": "a" * 31}, {**ANSWER, "previous": "0" * 63},
        {**ANSWER, "previous": "g" * 64}, {**ANSWER, "time": "2026-03-04T09:00:00"},
        {**ANSWER, "expires": "2026-03-04T09:00:00"},
        {**ANSWER, "comment": "x" * 10_001}, {**ACCEPTANCE, "comment": "x" * 10_001},
        {**ACCEPTANCE, "comment": ""}, {**ANSWER, "reviewer": {"name": ""}},
        {**ANSWER, "reviewer": {"name": "Ann", "identified_by": "x" * 201}},
        {**ANSWER, "reviewer": {"name": "Ann", "role": "x" * 201}},
        {**ANSWER, "binding": {**BINDING, "more": 1}},
        {**ANSWER, "binding": {**BINDING, "subjects": [{**SUBJECT, "size": -1}]}},
        {**ANSWER, "comparison": {**COMPARISON, "trials": -1}},
        {**ANSWER, "comparison": {**COMPARISON, "correct": -1}},
        {**ANSWER, "seconds_played": {ZEROS: float("inf")}},
        {**ANSWER, "seconds_played": {ZEROS: float("nan")}},
    ],
)  # fmt: skip
def test_a_line_out_of_bounds_is_no_entry(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parse_entry(json.dumps(values))


def test_what_an_answer_does_not_say_is_nothing() -> None:
    answer = parse_entry(json.dumps(ANSWER))
    assert isinstance(answer, Answer)
    assert (answer.comment, answer.scores, answer.comparison) == ("", {}, None)
    assert (answer.blind, answer.supersedes, answer.expires) == (False, (), None)
    assert (answer.reviewer.role, answer.reviewer.identified_by) == ("", "declared")
    assert (answer.binding.question_sha256, answer.binding.plan_sha256) == ("", "")
    assert answer.binding.made_with_sha256 == ""
    comparison = Comparison(form="ab", approved_sha256=ZEROS)
    assert (comparison.preferred, comparison.trials, comparison.correct) == (None, 0, 0)


@pytest.mark.parametrize("values", [ANSWER, ACCEPTANCE, SEAL])
def test_an_entry_that_was_read_stays_as_it_is(values: dict[str, Any]) -> None:
    entry = parse_entry(json.dumps(values))
    with pytest.raises(ValidationError, match="frozen"):
        entry.number = 5  # type: ignore[misc]


def test_an_entry_has_one_form() -> None:
    assert canonical({"b": 1, "a": ["é", {"d": None, "c": 1.5}]}) == (
        r'{"a":["\u00e9",{"c":1.5,"d":null}],"b":1}'
    )
    text = canonical(parse_entry(json.dumps(SEAL)))
    assert text == (
        f'{{"changed":[],"files":{{"a":[0,"{ZEROS}"]}},"kind":"seal","number":0,'
        f'"previous":"{ZEROS}","run":"r","schema_version":1,"time":"{TIME}"}}'
    )
    assert canonical(parse_entry(text)) == text


def test_a_line_is_hashed_the_same_as_text_and_as_bytes() -> None:
    wanted = hashlib.sha256("é".encode()).hexdigest()
    assert line_hash("é") == line_hash("é".encode()) == wanted


def test_a_change_says_what_became_of_the_file() -> None:
    assert Change(kind="gone", path="a/b").text == "a/b is gone"
    assert Change(kind="changed", path="a/b").text == "a/b has been changed"


def test_a_character_without_a_name_is_told_by_its_number() -> None:
    with pytest.raises(ValidationError, match=r"cannot be seen: U\+0007"):
        Reviewer(name="A\x07nn")
    with pytest.raises(ValidationError, match="cannot be seen: ZERO WIDTH SPACE"):
        Reviewer(name="A\u200bnn")


def test_a_file_that_is_gone_can_be_accepted() -> None:
    entry = parse_entry(json.dumps(ACCEPTANCE))
    assert isinstance(entry, Acceptance)
    assert entry.files == {"a": (1, ZEROS), "b": None}
    seal = parse_entry(json.dumps(SEAL))
    assert isinstance(seal, Seal)
    assert (seal.files, seal.changed) == ({"a": (0, ZEROS)}, ())
