"""What single types need beyond the general rules: the rows of ``hints.yaml``, merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

__all__ = ["TABLE", "Hint", "find_hint", "read_table"]

TABLE = Path(__file__).with_name("hints.yaml")


@dataclass(frozen=True, kw_only=True)
class Hint:
    """What one type needs; the fields are explained in the table."""

    reason: str = ""
    start: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    sections: bool = False
    model_class: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    generation: dict[str, Any] = field(default_factory=dict)
    generate: dict[str, Any] = field(default_factory=dict)


@cache
def read_table() -> list[dict[str, Any]]:
    """Return the rows of the table, as they are written."""
    rows: list[dict[str, Any]] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return rows


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(name == p or (p.endswith("*") and name.startswith(p[:-1])) for p in patterns)


@cache
def find_hint(name: str) -> Hint:
    """Return all that is known of a type."""
    rows = [row for row in read_table() if _fits(name, row["types"])]
    merged: dict[str, dict[str, Any]] = {
        key: {} for key in ("start", "config", "attributes", "inputs", "generation", "generate")
    }
    for row in rows:
        for key, value in merged.items():
            value.update(row.get(key, {}))
    return Hint(
        reason="; ".join(row["reason"] for row in rows),
        sections=any(row.get("sections") for row in rows),
        model_class=next((row["class"] for row in rows if "class" in row), ""),
        **merged,
    )
