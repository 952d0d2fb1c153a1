"""What many verdicts say together: shares, causes, and a table by category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from proofbook_systems.models.catalogue import CATEGORIES, ModelType
from proofbook_systems.models.findings import CHECKS, Verdict, find_cause

__all__ = [
    "CHECKS",
    "NEVER_FAILS",
    "Number",
    "asks_of_none",
    "compatibility",
    "count_checks",
    "failures",
    "find_missing",
    "group_causes",
    "later_checks",
    "name_failures",
    "seconds_by_category",
    "share",
    "summary_numbers",
    "table",
    "type_numbers",
]

NEVER_FAILS = ("save-load", "control", "determinism")
"""Checks that hold for every type that answers; one failure is a finding."""

_MOST_NAMES = 12


class Number(NamedTuple):
    """A measured number."""

    value: float
    unit: str
    better: Literal["higher", "lower"]


def count_checks(verdicts: Iterable[Verdict]) -> dict[str, dict[str, int]]:
    """Return how often each check passed, failed, was skipped, and was not reached."""
    some = list(verdicts)
    table = {}
    for check in CHECKS:
        counts = Counter(verdict.status_of(check) or "not reached" for verdict in some)
        table[check] = {k: counts[k] for k in ("passed", "failed", "skipped", "not reached")}
    return table


def later_checks(verdicts: Sequence[Verdict], devices: Sequence[str]) -> list[str]:
    """Return the checks after ``forward`` that are due: ``export`` where ``cpu`` is a device."""
    absent = {"init", "forward"} | (set() if "cpu" in devices else {"export"})
    return [each for each in CHECKS if each not in absent and not asks_of_none(verdicts, each)]


def asks_of_none(verdicts: Iterable[Verdict], check: str) -> bool:
    """Say whether none of the types has what a check asks of; one that fails before it may have."""
    return all(check in [each.check for each in verdict.inapplicable] for verdict in verdicts)


def share(verdicts: Sequence[Verdict], check: str, *, of: str = "") -> float:
    """Return how many types pass a check, of all; or of those that pass, or fail, another one.

    A skipped check counts neither way where ``of`` is given; 1.0 where there is none to count.
    """
    some = [v for v in verdicts if not of or v.status_of(of) == "passed"]
    counted = [v for v in some if not of or v.status_of(check) != "skipped"]
    passed = sum(verdict.status_of(check) == "passed" for verdict in counted)
    return passed / len(counted) if counted else 1.0


def group_causes(verdicts: Iterable[Verdict]) -> dict[tuple[str, str], list[str]]:
    """Return the types that fail a check of one cause, the most frequent first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts:
        for finding in verdict.failed:
            groups.setdefault((finding.check, find_cause(finding.reason)), []).append(verdict.type)
    return dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))


def compatibility(verdicts: Sequence[Verdict]) -> str:
    """Return a Markdown table: of each category, how many types pass each check, of those tried."""
    rows = []
    for category in CATEGORIES:
        some = [verdict for verdict in verdicts if verdict.category == category]
        if some:
            counts = count_checks(some)
            rows.append(
                [
                    category,
                    str(len(some)),
                    *(f"{c['passed']}/{c['passed'] + c['failed']}" for c in counts.values()),
                ]
            )
    return table(["category", "types", *CHECKS], rows)


def failures(verdicts: Iterable[Verdict], check: str) -> list[str]:
    """Return the types that fail a check, each with its reason."""
    return [f"{v.type}: {f.reason}" for v in verdicts for f in v.failed if f.check == check]


def name_failures(verdicts: Iterable[Verdict], check: str) -> str:
    """Return the causes of a check's failures in words, the most frequent first."""
    groups = {
        cause: names for (name, cause), names in group_causes(verdicts).items() if name == check
    }
    return (
        "; ".join(f"{cause} ({len(names)}, as {names[0]})" for cause, names in groups.items())
        or "all do"
    )


def find_missing(types: Iterable[ModelType], folder: Path) -> list[str]:
    """Return the types for which a folder has no collected results."""
    collected = folder / "collected_results"
    return [t.name for t in types if not (collected / f"{t.name}_test_results.json").exists()]


def seconds_by_category(verdicts: Iterable[Verdict]) -> dict[str, list[float]]:
    """Return the times of the types of each category."""
    times: dict[str, list[float]] = {}
    for verdict in verdicts:
        times.setdefault(verdict.category, []).append(verdict.metrics.get("seconds", 0.0))
    return times


def summary_numbers(verdicts: Sequence[Verdict], seconds: float) -> dict[str, Number]:
    """Return what is measured of a whole matrix."""
    numbers = {
        "types": Number(len(verdicts), "types", "higher"),
        "types_that_hold": Number(sum(v.passed for v in verdicts), "types", "higher"),
        "seconds": Number(round(seconds, 2), "s", "lower"),
    }
    memory = [v.metrics["memory_mb"] for v in verdicts if "memory_mb" in v.metrics]
    if memory:
        numbers["largest_memory"] = Number(max(memory), "MB", "lower")
    return numbers


_UNITS: dict[str, tuple[str, Literal["higher", "lower"]]] = {
    "parameters": ("parameters", "lower"),
    "memory_mb": ("MB", "lower"),
    "samples_per_second": ("sample/s", "higher"),
    "rounding": ("share", "lower"),
    "tolerance": ("share", "lower"),
    "weights_that_show": ("share", "higher"),
    "weights_with_gradient": ("share", "higher"),
    "gradient_by_slope": ("of 1", "higher"),
    "gradient_whole": ("of 1", "higher"),
}


def type_numbers(verdict: Verdict) -> dict[str, Number]:
    """Return what was measured of one type."""
    return {
        name: Number(value, *_UNITS.get(name, ("s", "lower")))
        for name, value in verdict.metrics.items()
    }


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(_cell(c) for c in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
