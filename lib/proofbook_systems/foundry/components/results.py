"""What is known of one test, and of one run of all of them. Knows no report's form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proofbook.processes import Ended

__all__ = ["BAD", "RAN", "NotCollected", "Outcome", "Repetition", "Result", "worse"]

Outcome = Literal["passed", "xpassed", "skipped", "xfailed", "failed", "error", "unfinished"]
_ORDER: tuple[Outcome, ...] = (
    "passed", "xpassed", "skipped", "xfailed", "failed", "error", "unfinished",
)  # fmt: skip
BAD: frozenset[Outcome] = frozenset({"failed", "error", "unfinished"})
RAN: frozenset[Outcome] = BAD | {"passed"}
"""Outcomes that say whether the project works; what is expected to fail says nothing."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One test in one run."""

    id: str
    """``tests/unit/test_a.py::TestB::test_c[1]``."""
    outcome: Outcome
    seconds: float
    """With its set-up and tear-down."""
    call_seconds: float
    """Without them where they are known: a fixture that many tests share is no test's own."""
    marks: frozenset[str] = frozenset()
    words: str = ""
    """Why it failed or was skipped."""
    rerun: bool = False
    """Whether a plugin ran it again because it had failed."""

    @property
    def file(self) -> str:
        """Its file, relative to the project."""
        return self.id.partition("::")[0]


@dataclass(frozen=True, kw_only=True)
class NotCollected:
    """A file or a folder whose tests are not known."""

    id: str
    outcome: Literal["error", "skipped"]
    words: str


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """One run of a project's tests."""

    number: int
    """From 1."""
    shuffled: bool
    ended: Ended
    tests: tuple[Result, ...]
    deselected: tuple[str, ...]
    not_collected: tuple[NotCollected, ...]
    report_problem: str
    """Why the JUnit report cannot be trusted; empty where it can."""
    left: tuple[str, ...]
    """Files that the tests wrote, changed or removed in the copy of the project."""

    @property
    def failing(self) -> tuple[Result, ...]:
        """Return the tests that failed, could not run, or never ended."""
        return tuple(test for test in self.tests if test.outcome in BAD)

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"run {self.number}{' in random order' if self.shuffled else ''}"


def worse(one: Outcome, other: Outcome) -> Outcome:
    """Return the worse of two outcomes of one test."""
    return max(one, other, key=_ORDER.index)
