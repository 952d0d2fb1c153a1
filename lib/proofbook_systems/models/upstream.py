"""Which failures are known upstream: the rows of ``upstream.yaml``, found by type and reason."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from proofbook_systems.models.findings import Verdict, find_cause

__all__ = ["KNOWN", "KnownIssue", "find_issue", "issues_by_cause", "read_issues"]

KNOWN = Path(__file__).with_name("upstream.yaml")


@dataclass(frozen=True, kw_only=True)
class KnownIssue:
    """One row of the table; the fields are explained in it."""

    types: tuple[str, ...]
    check: str
    words: str
    reason: str
    issue: str = ""
    place: str = ""

    @property
    def told(self) -> str:
        """The issue, or the place in the code while no issue tells of it."""
        return self.issue or f"no issue; {self.place}"

    def fits(self, type_: str, check: str, reason: str) -> bool:
        """Say whether a failure is the one that this row knows."""
        named = any(
            type_ == each or (each.endswith("*") and type_.startswith(each[:-1]))
            for each in self.types
        )
        return named and check == self.check and re.search(self.words, reason) is not None


@cache
def read_issues() -> tuple[KnownIssue, ...]:
    """Return the rows of the table."""
    rows = yaml.safe_load(KNOWN.read_text(encoding="utf-8"))
    return tuple(KnownIssue(**{**row, "types": tuple(row["types"])}) for row in rows)


def find_issue(type_: str, check: str, reason: str) -> KnownIssue | None:
    """Return what is known upstream of a failure; None where nothing is."""
    return next((each for each in read_issues() if each.fits(type_, check, reason)), None)


def issues_by_cause(verdicts: Iterable[Verdict]) -> dict[tuple[str, str], list[str]]:
    """Return the issues, or places, that are known for each check and cause, each once."""
    found: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts:
        for finding in verdict.findings:
            known = find_issue(verdict.type, finding.check, finding.reason)
            if known is not None:
                places = found.setdefault((finding.check, find_cause(finding.reason)), [])
                if known.told not in places:
                    places.append(known.told)
    return found
