"""Compare an actual value with what is expected, into the record of a check."""

from __future__ import annotations

import traceback

from proofbook.checks.expectations import expectation_of
from proofbook.records import Check, CheckStatus
from proofbook.values import to_json

__all__ = ["evaluate_check"]


def evaluate_check(name: str, actual: object, expected: object, *, why: str, unit: str) -> Check:
    """Return a check that passed or failed, or is an error where evaluating it raised."""
    expectation = expectation_of(expected)
    value: object = None
    try:
        value = actual() if callable(actual) else actual
        status: CheckStatus = "passed" if expectation.accepts(value) else "failed"
        reason = ""
    except Exception as error:  # noqa: BLE001 - the exception is the finding: it is recorded
        status = "error"
        reason = traceback.format_exception_only(error)[-1].strip()
    return Check(
        name=name,
        status=status,
        expected=expectation.words,
        actual=to_json(value),
        unit=unit,
        why=why,
        reason=reason,
    )
