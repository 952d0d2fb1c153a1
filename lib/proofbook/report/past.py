"""How one check or job ended in the runs up to this one: steady, a regression, or flaky.

Judges by the sequence: what always passed and fails now is a regression, however often it passed;
what went back and forth with the same subject is flaky. Pure: states in, words out.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from proofbook.values import count_noun

__all__ = ["Past", "PastKind", "is_bad"]

PastKind = Literal["newly failing", "still failing", "flaky", "recovered", "steady"]

_RECENT = 10
"""Runs in which a change of mind counts."""
_MARKS = {"good": "✓", "bad": "✗", "broken": "✗", "skipped": "–"}  # noqa: RUF001 - a dash that is seen


def is_bad(state: str) -> bool:
    """Say whether a state of the history is a failure."""
    return state in ("bad", "broken")


@dataclass(frozen=True, kw_only=True)
class Past:
    """How one check or job ended, the oldest run first; the last state is this run's."""

    states: tuple[str, ...]
    """``good``, ``bad``, ``broken`` or ``skipped``; of the same revision of what is tested."""
    runs: tuple[str, ...] = ()
    """Names of the runs before this one, as many as there are states before the last."""
    revised: bool = False
    """There is no run of the same revision: what is before is the last run of another one."""

    @cached_property
    def kind(self) -> PastKind:
        """What the sequence amounts to."""
        *before, now = [state for _, state in self._recent] or ["skipped"]
        if self.flaky:
            return "flaky"
        if self.states[-1] == "skipped" or not before:
            return "steady"
        if is_bad(now):
            worse = before[-1] == "good" or (before[-1], now) == ("bad", "broken")
            return "newly failing" if worse else "still failing"
        return "recovered" if is_bad(before[-1]) else "steady"

    @cached_property
    def flaky(self) -> bool:
        """Whether it changed its mind at least twice in the last runs."""
        failed = [is_bad(state) for _, state in self._recent]
        return sum(a != b for a, b in itertools.pairwise(failed)) >= 2

    @property
    def mixed(self) -> bool:
        """Whether it did not always end alike, with the same revision."""
        return len(set(self.states)) > 1 and not self.revised

    @property
    def marks(self) -> str:
        """A mark for each run."""
        return "".join(_MARKS[state] for state in self.states)

    @cached_property
    def words(self) -> str:
        """A summary in words."""
        seen = self._recent
        if not seen:
            return f"skipped in {_all(len(self.states))}"
        bad = [run for run, state in seen if is_bad(state)]
        good = [run for run, state in seen if not is_bad(state)]
        match self.kind:
            case "flaky":
                return f"flaky: failed in {len(bad)} of the last {len(seen)} runs"
            case "newly failing":
                return self._say_regression(good)
            case "still failing":
                return self._say_since(seen)
            case "recovered":
                return f"recovered: failed in {seen[-2][0]}"
        return self._say_steady(seen)

    def _say_steady(self, seen: list[tuple[str, str]]) -> str:
        verb = "failed" if is_bad(seen[-1][1]) else "passed"
        if len(seen) == 1:
            return f"{verb} for the first time"
        alike = [run for run, state in seen if is_bad(state) is is_bad(seen[-1][1])]
        if len(alike) == len(seen):
            return f"{verb} in {_all(len(seen))}"
        return f"{verb} in {len(alike)} of the last {len(seen)} runs, in all since {alike[0]}"

    def _say_regression(self, good: list[str]) -> str:
        last, state = self._recent[-2]
        if self.revised:
            return f"newly failing since {last}, which tested another revision"
        if is_bad(state):
            return f"newly broken since {last}, where it failed"
        return f"newly failing since {last}: passed in {_all(len(good))} before"

    def _say_since(self, seen: list[tuple[str, str]]) -> str:
        failing = list(itertools.takewhile(lambda each: is_bad(each[1]), reversed(seen)))
        if len(failing) == len(seen):
            return f"failed in {_all(len(seen))}"
        return f"failing since {failing[-1][0]}, {count_noun(len(failing), 'run')}"

    @cached_property
    def _recent(self) -> list[tuple[str, str]]:
        """The last runs that found something out, with what they found."""
        names = (*self.runs, *[""] * (len(self.states) - len(self.runs)))
        pairs = zip(names, self.states, strict=True)
        return [(run, state) for run, state in pairs if state != "skipped"][-_RECENT:]


def _all(runs: int) -> str:
    return "the one run" if runs == 1 else f"all {runs} runs"
