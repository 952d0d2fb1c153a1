"""Every forgery of a signed run is found, and called by its own word."""

from __future__ import annotations

import pytest
from forged_runs import CATALOGUE, FIELDS, verify
from forging import entries_of

from proofbook.runs.folder import RunFolder


@pytest.fixture
def run(signed_by_ann: RunFolder) -> RunFolder:
    return signed_by_ann


def test_what_was_not_forged_is_approved(run: RunFolder) -> None:
    found = verify(run)
    assert (found.verdict, found.reasons) == ("approved", ())


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", CATALOGUE)
def test_a_forgery_is_called_by_its_word(run: RunFolder, name: str) -> None:
    forge, word = CATALOGUE[name]
    forge(run)
    found = verify(run)
    assert found.verdict not in ("approved", "passed", "waived")
    assert word in {reason.word for reason in found.reasons}, found.reasons


def test_no_field_of_an_answer_is_left_out(run: RunFolder) -> None:
    answer = entries_of(run)[1]
    fields = {(key,) for key in answer} | {
        (outer, key) for outer in ("reviewer", "binding") for key in answer[outer]
    }
    chain = {("number",), ("previous",), ("kind",), ("schema_version",), ("signature",),
             ("binding", "run"), ("reviewer",), ("binding",)}  # fmt: skip
    assert fields - chain == {keys for keys, _ in FIELDS}


def test_the_catalogue_is_not_small() -> None:
    assert len(CATALOGUE) >= 60
