"""How long suites and single tests took, beside what they may take.

Of several repetitions the shortest counts: another program on the machine makes no test slow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proofbook.errors import SubjectError
from proofbook_systems.foundry.components.parts import fits
from proofbook_systems.foundry.components.results import RAN, Repetition, Result

__all__ = ["ALL", "SuiteTime", "find_slow", "list_slowest", "time_suites"]

ALL = "all"
"""The suite of everything: the whole command, with its start."""


@dataclass(frozen=True, kw_only=True)
class SuiteTime:
    """One suite, or several together."""

    name: str
    seconds: float
    limit: float
    tests: int
    """How many of its tests ran."""


def time_suites(
    runs: Sequence[Repetition], suites: Mapping[str, str], limits: Mapping[str, float]
) -> list[SuiteTime]:
    """Return the seconds of each suite that has a limit: ``unit``, ``unit+integration``, ``all``.

    Raises:
        SubjectError: A limit names a suite that is not there.
    """
    times = []
    for name, limit in limits.items():
        parts = [part.strip() for part in name.split("+")]
        unknown = [part for part in parts if part not in suites and name != ALL]
        if unknown:
            raise SubjectError(
                f"limits name the suite {unknown[0]}; suites has {', '.join(suites)}"
            )
        own = [[t for t in run.tests if _belongs(t, name, parts, suites)] for run in runs]
        spent = [run.ended.seconds for run in runs] if name == ALL else [_sum(ts) for ts in own]
        times.append(
            SuiteTime(name=name, seconds=min(spent), limit=limit, tests=max(map(_ran, own)))
        )
    return times


def find_slow(runs: Sequence[Repetition], pattern: str, limit: float) -> tuple[list[str], int]:
    """Return the tests of a suite whose call took longer in every run, and how many there are."""
    least: dict[str, float] = {}
    for run in runs:
        for test in run.tests:
            if test.outcome in RAN and fits(test.file, pattern):
                least[test.id] = min(test.call_seconds, least.get(test.id, test.call_seconds))
    slow = sorted(((s, id) for id, s in least.items() if s > limit), reverse=True)
    return [f"{id}: {seconds:.2f} s" for seconds, id in slow], len(least)


def list_slowest(tests: Sequence[Result], most: int) -> list[tuple[str, float]]:
    """Return the tests that took longest, with their seconds."""
    ranked = sorted(tests, key=lambda test: test.seconds, reverse=True)
    return [(test.id, test.seconds) for test in ranked[:most]]


def _belongs(test: Result, name: str, parts: Sequence[str], suites: Mapping[str, str]) -> bool:
    return name == ALL or any(fits(test.file, suites[part]) for part in parts)


def _sum(tests: Sequence[Result]) -> float:
    return sum(test.seconds for test in tests)


def _ran(tests: Sequence[Result]) -> int:
    return sum(test.outcome in RAN for test in tests)
