"""Try model types: all in one process that forks, and each in a process of its own.

Both run the same checks by the same program, in one thread a type; CPU seconds, so that what other
programs do counts little. Knows nothing about what is checked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from proofbook_systems.models.catalogue import ModelType
from proofbook_systems.models.findings import Verdict
from proofbook_systems.models.host import OWN_SECONDS
from proofbook_systems.models.matrix import Matrix, try_types

__all__ = ["Tried", "differences", "try_in_one", "try_one_by_one"]


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What it took to try some types."""

    start: float
    """CPU seconds beside those of the types: what each process imports before its first one."""
    wall: float
    """Seconds by the clock."""
    verdicts: tuple[Verdict, ...]

    @property
    def work(self) -> float:
        """CPU seconds of the types themselves."""
        return sum(each.metrics["processor_seconds"] for each in self.verdicts)

    def a_type(self, types: int) -> float:
        """Return the CPU seconds of one type, where what was started serves ``types`` of them."""
        return self.work / len(self.verdicts) + self.start / types

    def minutes(self, types: int, cores: int) -> float:
        """Return how long ``types`` like these take in one process, on idle cores."""
        return self.a_type(types) * types / cores / 60


def try_in_one(types: Sequence[ModelType], matrix: Matrix) -> Tried:
    """Try types in one process, which imports once and forks for each.

    Raises:
        SubjectError: It cannot be started.
    """
    started = time.perf_counter()
    verdicts = tuple(try_types(types, matrix))
    wall = time.perf_counter() - started
    logs = sorted(matrix.folder.glob("host-*.log"))  # more than one where a process was replaced
    own = [_own_seconds(log.read_text(errors="replace").splitlines()) for log in logs]
    return Tried(start=sum(own), wall=wall, verdicts=verdicts)


def try_one_by_one(types: Sequence[ModelType], matrix: Matrix) -> Tried:
    """Try each type in a process of its own, which has imported nothing.

    Raises:
        SubjectError: One of them cannot be started.
    """
    each = [
        try_in_one([type_], replace(matrix, folder=matrix.folder / f"fresh-{place}"))
        for place, type_ in enumerate(types)
    ]
    return Tried(
        start=sum(one.start for one in each),
        wall=sum(one.wall for one in each),
        verdicts=tuple(verdict for one in each for verdict in one.verdicts),
    )


def _own_seconds(lines: Sequence[str]) -> float:
    told = [json.loads(line) for line in lines if line.startswith(f'{{"{OWN_SECONDS}"')]
    return float(told[-1][OWN_SECONDS]) if told else 0.0


def differences(ours: Tried, theirs: Tried) -> list[str]:
    """Return the types on which both sides do not come to the same verdict."""
    here, there = ({v.type: _statuses(v) for v in side.verdicts} for side in (ours, theirs))
    return sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))


def _statuses(verdict: Verdict) -> dict[str, str]:
    return {finding.check: finding.status for finding in verdict.findings}
