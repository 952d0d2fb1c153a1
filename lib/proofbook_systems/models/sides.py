"""The two sides of a comparison of versions: results that are there, or a release that is tried."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from proofbook.caching import cache_root
from proofbook.errors import SubjectError
from proofbook_systems.models.catalogue import ModelType
from proofbook_systems.models.matrix import Matrix, try_types
from proofbook_systems.models.recorded import Recorded, read_recorded, record
from proofbook_systems.models.releases import INSTALLED, fetch_release, is_release, list_types_of

__all__ = [
    "Side",
    "choose_names",
    "compare_names",
    "find_other_releases",
    "find_side",
    "name_release",
    "why_none_can_vanish",
]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of two versions that are compared."""

    name: str
    recorded: Mapping[str, Recorded] | None = None
    """Results that are there; None tries the types."""
    packages: Path | None = None
    types: Mapping[str, ModelType] | None = None
    """The types that a release knows; None where only results are there."""

    def category_of(self, name: str) -> str:
        """Return the category of a type; empty where it is not known."""
        if self.recorded is not None:
            return self.recorded[name].category if name in self.recorded else ""
        known = (self.types or {}).get(name)
        return known.category if known else ""

    @property
    def names(self) -> set[str]:
        """The types that this side knows."""
        return set(self.recorded if self.recorded is not None else self.types or {})

    def results(self, names: Sequence[str], matrix: Matrix) -> Mapping[str, Recorded]:
        """Return what becomes of types: what is recorded of them, or what trying them gives."""
        if self.recorded is not None:
            return {name: self.recorded[name] for name in names if name in self.recorded}
        types = [(self.types or {})[name] for name in names if name in (self.types or {})]
        folder = matrix.folder / "".join(c if c.isalnum() else "-" for c in self.name)
        return record(try_types(types, replace(matrix, packages=self.packages, folder=folder)))


def find_side(text: str, root: Path | None = None) -> Side:
    """Return what a text names.

    Args:
        text: A file or folder of results, the number of a release of transformers, which is
            fetched, or ``installed``.
        root: Where releases are kept; by default the cache.

    Raises:
        SubjectError: It is none of these.
    """
    if text == INSTALLED:
        return Side(name=INSTALLED, types=list_types_of(None))
    if is_release(text):
        packages = fetch_release(text, root or cache_root() / "transformers-releases")
        return Side(name=text, packages=packages, types=list_types_of(packages))
    path = Path(text).expanduser()
    if not path.exists():
        raise SubjectError(
            f"{text!r} is no file or folder of results, and no release of transformers: give a "
            f"test_results_<time>.json, a number as 5.20.0, or {INSTALLED!r}"
        )
    return Side(name=str(path), recorded=read_recorded(path))


def compare_names(before: Side, after: Side) -> tuple[list[str], list[str]]:
    """Return the types that appeared and those that vanished.

    A side of results alone knows no more types than it has tried: what it lacks has neither
    appeared nor vanished where the other side is not made of results as well.
    """
    whole = (before.recorded is None) == (after.recorded is None)
    appeared = sorted(after.names - before.names) if whole or before.recorded is None else []
    vanished = sorted(before.names - after.names) if whole or after.recorded is None else []
    return appeared, vanished


def why_none_can_vanish(before: Side, after: Side) -> str:
    """Say why no type can be known to have vanished; empty where one can."""
    if before.recorded is None and after.recorded is not None:
        return f"{after.name} has only the types that were tried: what it lacks may be there"
    return ""


def choose_names(
    before: Side, after: Side, *, models: Sequence[str], category: str, limit: int, seed: int | None
) -> list[str]:
    """Return the types to compare: those that both know, by name, of a category, at most ``limit``.

    Raises:
        SubjectError: A type that is named is not known to both.
    """
    both = sorted(before.names & after.names)
    if unknown := [name for name in models if name not in both]:
        raise SubjectError(f"{unknown[0]!r} is not known to both {before.name} and {after.name}")
    chosen = [name for name in both if name in models] if models else both
    chosen = [name for name in chosen if category in ("all", after.category_of(name))]
    if limit and seed is not None:
        return sorted(random.Random(seed).sample(chosen, min(limit, len(chosen))))
    return chosen[:limit] if limit else chosen


def name_release(results: Mapping[str, Recorded]) -> str:
    """Return which release of transformers made results, as it said when it was imported."""
    named = {each.imported["transformers"] for each in results.values() if each.imported}
    return ", ".join(sorted(named)) or "not recorded"


def find_other_releases(side: Side, results: Mapping[str, Recorded]) -> list[str]:
    """Return which types another release than the one that a side names has answered."""
    if not is_release(side.name):
        return []
    wanted = {side.name, f"{side.name}.0"}
    told = {name: each.imported["transformers"] for name, each in results.items() if each.imported}
    if not told:
        return [f"{side.name}: no result says which release answered"]
    return [
        f"{name}: {side.name} was asked for, {found} was imported"
        for name, found in sorted(told.items())
        if found not in wanted
    ]
