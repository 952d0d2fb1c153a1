"""Measure two sides in turns, and compare them: medians, their ratio, and its spread.

Turns keep what drifts (heat, caches, other people's work) from counting for one side alone. Knows
nothing about what is measured.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Literal, NamedTuple

__all__ = [
    "Figure",
    "Pairs",
    "Ratio",
    "alternate",
    "named",
    "repeat",
    "seconds",
    "summarise",
]

Measurement = Callable[[], float]


class Figure(NamedTuple):
    """One number, as a metric takes it."""

    name: str
    value: float
    unit: str
    better: Literal["higher", "lower", "neither"]
    labels: dict[str, str | int]


class Ratio(NamedTuple):
    """A ratio of medians, and the least and the largest ratio of one round."""

    value: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """The ratio with its spread: ``12.1 (10.9 to 13)``."""
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


class Pairs(NamedTuple):
    """What both sides took, round by round."""

    subject: tuple[float, ...]
    peer: tuple[float, ...]
    names: tuple[str, str]
    """What the subject and the peer are, with versions."""
    unit: str = "s"

    @property
    def sides(self) -> dict[str, tuple[float, ...]]:
        """What each side took, by its name."""
        return dict(zip(self.names, self[:2], strict=True))

    @property
    def share(self) -> Ratio:
        """The subject as a part of the peer; below 1 the subject takes less."""
        return _ratio(self.subject, self.peer)

    @property
    def times(self) -> Ratio:
        """The peer as a multiple of the subject; above 1 the subject takes less."""
        return _ratio(self.peer, self.subject)

    def figures(self, name: str, kind: Literal["share", "times"]) -> list[Figure]:
        """Return least, median and largest of each side, then the ratio with its spread."""
        figures = []
        for role, side, amounts in zip(("subject", "peer"), self.names, self[:2], strict=True):
            figures += summarise(name, amounts, self.unit, role=role, side=side)
        better: Literal["lower", "higher"] = "lower" if kind == "share" else "higher"
        ratio = self.share if kind == "share" else self.times
        for statistic, value in zip(("ratio", "low", "high"), ratio, strict=True):
            labels: dict[str, str | int] = {"statistic": statistic, "peer": self.names[1]}
            figures.append(Figure(f"{name}_{kind}", value, "", better, labels))
        return figures


def alternate(
    subject: Measurement,
    peer: Measurement,
    rounds: int,
    *,
    names: tuple[str, str],
    unit: str = "s",
) -> Pairs:
    """Measure subject and peer in turns, ``rounds`` times each.

    Args:
        subject: Measures one side once; returns the amount, in ``unit``.
        peer: The other side.
        rounds: How often; at least 1.
        names: What subject and peer are, with versions.
        unit: Of what both return.

    Raises:
        ValueError: Fewer than one round.
        Exception: Whatever a side raises: a side that fails has no time.
    """
    if rounds < 1:
        raise ValueError(f"{rounds} rounds measure nothing; ask for at least 1")
    measured = [(subject(), peer()) for _ in range(rounds)]
    ours, theirs = zip(*measured, strict=True)
    return Pairs(subject=ours, peer=theirs, names=names, unit=unit)


def repeat(side: Measurement, rounds: int) -> tuple[float, ...]:
    """Measure one side ``rounds`` times.

    Raises:
        ValueError: Fewer than one round.
    """
    if rounds < 1:
        raise ValueError(f"{rounds} rounds measure nothing; ask for at least 1")
    return tuple(side() for _ in range(rounds))


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return how long ``work`` takes, in seconds."""
    started = clock()
    work()
    return clock() - started


def summarise(name: str, amounts: Sequence[float], unit: str, **labels: str) -> list[Figure]:
    """Return least, median and largest of ``amounts``."""
    least, largest = min(amounts), max(amounts)
    values = {"min": least, "median": statistics.median(amounts), "max": largest}
    return [
        Figure(name, value, unit, "lower", {**labels, "statistic": key, "rounds": len(amounts)})
        for key, value in values.items()
    ]


def named(package: str) -> str:
    """Return a package with its version: ``papermill 2.7.0``."""
    return f"{package} {version(package)}"


def _ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    each = [a / b for a, b in zip(above, below, strict=True)]
    return Ratio(statistics.median(above) / statistics.median(below), min(each), max(each))
