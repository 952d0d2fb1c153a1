"""Tests that pass and fail without a change: between repetitions, or within one by being rerun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proofbook_systems.foundry.components.results import BAD, RAN, Repetition

__all__ = ["Flakiness", "find_flaky"]


@dataclass(frozen=True, kw_only=True)
class Flakiness:
    """What several runs of the same tests differ in."""

    tests: tuple[str, ...]
    """Those that passed and failed, ran and did not run, or were rerun until they passed."""
    dependent: tuple[str, ...]
    """Of those, the ones that depart in random order alone: they need what another test leaves."""
    compared: int
    """Tests that ran at all."""
    unjudged: str
    """Why nothing was compared; empty where something was."""

    @property
    def rate(self) -> float:
        """The share of the compared tests that are flaky."""
        return len(self.tests) / self.compared if self.compared else 0.0


def find_flaky(runs: Sequence[Repetition]) -> Flakiness:
    """Compare repetitions, test by test; those that did not come to their end are left out."""
    whole = [run for run in runs if run.ended.code is not None and not run.report_problem]
    rerun = {test.id for run in runs for test in run.tests if test.rerun}
    ids = sorted({test.id for run in whole for test in run.tests if test.outcome in RAN} | rerun)
    flaky = rerun | {id for id in ids if len(_states(id, whole)) > 1}
    ordered = [run for run in whole if not run.shuffled]
    dependent = {i for i in flaky - rerun if len(ordered) > 1 and len(_states(i, ordered)) == 1}
    few = "one repetition has nothing to be compared with" if len(runs) < 2 else ""
    ended = "" if len(whole) > 1 else "fewer than two runs came to their end with a whole report"
    return Flakiness(
        tests=tuple(sorted(flaky)), dependent=tuple(sorted(dependent)), compared=len(ids),
        unjudged=few or ended,
    )  # fmt: skip


def _states(id: str, runs: Sequence[Repetition]) -> set[str]:
    states: set[str] = set()
    for run in runs:
        outcome = next((test.outcome for test in run.tests if test.id == id), None)
        states.add("missing" if outcome is None else "bad" if outcome in BAD else outcome)
    return states
