"""Compare an actual value with what is expected, into the record of a check."""

from __future__ import annotations

from proofbook.checks.exceptions import describe
from proofbook.checks.expectations import Expectation, expectation_of
from proofbook.records import Check, CheckStatus
from proofbook.values import printable, to_json

__all__ = ["evaluate_check"]


def evaluate_check(name: str, actual: object, expected: object, *, why: str, unit: str) -> Check:
    """Return a check that passed or failed, or is an error where evaluating it raised."""
    expectation = expectation_of(expected)
    value: object = None
    try:
        value = actual() if callable(actual) else actual
        status: CheckStatus = "passed" if _accepts(expectation, value) else "failed"
        reason = "" if status == "passed" else expectation.explain(value)
    except Exception as error:  # noqa: BLE001 - the exception is the finding: it is recorded
        status = "error"
        reason = describe(error)
    return Check(
        name=name,
        status=status,
        expected=printable(expectation.words),
        actual=to_json(value),
        unit=unit,
        why=printable(why),
        reason=printable(reason),
    )


def _accepts(expectation: Expectation, value: object) -> bool:
    """Ask an expectation, which may be a user's own; only yes and no are answers.

    Raises:
        TypeError: It returned something else, such as a text or a coroutine.
    """
    answer = expectation.accepts(value)
    if type(answer).__name__ not in ("bool", "bool_"):  # numpy's own has a name of its own
        raise TypeError(f"the expectation answered {answer!r}, neither True nor False")
    return bool(answer)
