"""The notebook-side API: claims, numbers, evidence, outputs and questions, written at once."""

from proofbook.checks.checks import Checks
from proofbook.checks.expectations import (
    Expectation,
    at_least,
    at_most,
    between,
    close_to,
    contains,
    empty,
    equals,
    expectation_of,
    matches,
    one_of,
    within,
    without,
)
from proofbook.checks.opening import open_runbook

__all__ = [
    "Checks",
    "Expectation",
    "at_least",
    "at_most",
    "between",
    "close_to",
    "contains",
    "empty",
    "equals",
    "expectation_of",
    "matches",
    "one_of",
    "open_runbook",
    "within",
    "without",
]
