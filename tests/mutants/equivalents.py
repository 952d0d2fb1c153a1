"""The changes that no test can notice, each with the reason: ``equivalent.yaml``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from mutations import Mutant

__all__ = ["Equivalents"]


class Equivalents:
    """By module and function: lines, what becomes of them, and why that changes nothing."""

    def __init__(self, path: Path) -> None:
        listed: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        self._reasons: dict[tuple[str, str, str, str], str] = {}
        for module, functions in listed.items():
            for function, entries in functions.items():
                for entry in entries:
                    for after in entry["becomes"]:
                        key = (module, function, entry["line"], after)
                        if key in self._reasons:
                            raise ValueError(f"{path.name}: listed twice: {key}")
                        self._reasons[key] = entry["why"]

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The module and the line of each entry."""
        return [(module, line) for module, _, line, _ in self._reasons]

    def __contains__(self, mutant: Mutant) -> bool:
        return _key(mutant) in self._reasons

    def stale(self, survivors: Iterable[Mutant], modules: Iterable[str]) -> list[str]:
        """Return the entries for some modules that no survivor needs."""
        needed, looked_at = {_key(mutant) for mutant in survivors}, set(modules)
        return [
            f"{module}: {function or 'on import'}: {before}  ->  {after}"
            for module, function, before, after in self._reasons
            if module in looked_at and (module, function, before, after) not in needed
        ]


def _key(mutant: Mutant) -> tuple[str, str, str, str]:
    return mutant.path, mutant.function or "on import", mutant.before, mutant.after
