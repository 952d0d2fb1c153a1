"""Read a table that is kept in a file and not in a database: JSON, JSON by lines, CSV.

A document of one record is a table of one row.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.documents import read_document
from proofbook_systems.pipeline.names import Names

__all__ = ["FORMS", "read_file_table"]

FORMS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".yaml", ".yml")
_ROWS = "rows"


def read_file_table(path: Path, kind: str, names: Names) -> tuple[str, list[dict[str, Any]]]:
    """Return what a table is called, and its rows with nested fields under names with dots.

    Raises:
        SubjectError: It is missing, or not of its form.
    """
    document = read_document(path, f"table of {kind}", _ROWS)
    canonical = f"{kind}.table"
    listed = document.get(_ROWS)
    if listed is None and names.has(document, canonical):
        listed = names.get(document, canonical)
    if isinstance(listed, Mapping):
        listed = [
            {"id": key, **value} if isinstance(value, Mapping) else {"id": key, "value": value}
            for key, value in listed.items()
        ]
    rows = listed if isinstance(listed, list) else [document]
    for number, row in enumerate(rows, 1):
        if isinstance(row, str):
            rows[number - 1] = {names.candidates(_FIRST[kind])[0]: row}
        elif not isinstance(row, Mapping):
            raise SubjectError(f"{path}: row {number} is {row!r:.40}, not an object")
    return path.name, [_flat(row) for row in rows]


_FIRST = {"trends": "trend.name", "metrics": "metric.episode", "library": "library.path"}
"""What a row is that is a mere word."""


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
