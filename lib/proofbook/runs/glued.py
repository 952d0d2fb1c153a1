"""Records that a notebook-side API has glued into a notebook, and what they say of its end.

The kernel writes each record twice: to ``records.jsonl``, and as an output of the cell that made
it. Only the kernel of this notebook can do the second. Knows nothing about files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from proofbook.records import AnyRecord, Check

__all__ = [
    "SCRAP",
    "Glued",
    "broken_end",
    "glued_records",
    "is_glued",
    "lost_records",
    "unproven",
]

SCRAP: Final = "application/scrapbook.scrap.json+json"
"""Media type of a record in a notebook; scrapbook's."""


class Glued(NamedTuple):
    """What identifies a glued record, and the cell that it was glued by."""

    cell: int
    kind: str
    name: str
    status: str


def is_glued(data: Mapping[str, Any]) -> bool:
    """Say whether what is displayed is one of these records."""
    return _record(data) is not None


def glued_records(cells: Sequence[Mapping[str, Any]]) -> Iterator[Glued]:
    """Yield the records in a notebook's cells, in order; what others have glued is left out."""
    for index, record in _records(cells):
        name, status = str(record.get("name", "")), str(record.get("status", ""))
        yield Glued(index, record["kind"], name, status)


def _records(cells: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, cell in enumerate(cells):
        for output in cell.get("outputs", ()):
            record = _record(output.get("data", {}))
            if record is not None:
                yield index, record


def _record(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    scrap = data.get(SCRAP)
    record = scrap.get("data") if isinstance(scrap, Mapping) else None
    is_ours = isinstance(record, Mapping) and isinstance(record.get("kind"), str)
    return record if is_ours else None


def broken_end(cells: Sequence[Mapping[str, Any]]) -> str:
    """Return why a notebook that has begun checks has not ended with them, or nothing.

    The finish has to come from the last code cell: what comes after it may still fail.
    """
    found = [each for each in glued_records(cells) if each.kind in ("begin", "finish")]
    if not any(each.kind == "begin" for each in found):
        return "no cell of the notebook began its checks"
    finish = [each.cell for each in found if each.kind == "finish"]
    if not finish:
        return "no cell of the notebook finished its checks"
    last = max((i for i, cell in enumerate(cells) if _does_something(cell)), default=-1)
    if finish != [last]:
        place = _place(cells, finish[0])
        return f"finish() was called by {place}, not by the last code cell"
    return ""


def unproven(cells: Sequence[Mapping[str, Any]]) -> str:
    """Return what a notebook's records say against it, first what went wrong beside the checks."""
    records = [record for _, record in _records(cells)]
    for record in records:
        if record["kind"] == "fault":
            return str(record.get("what", "something went wrong beside the checks"))
    for record in records:
        if record["kind"] == "check" and record.get("status") in ("failed", "error"):
            return f"check {record.get('name')!r} did not pass"
    return ""


def lost_records(glued: Sequence[Glued], records: Sequence[AnyRecord]) -> str:
    """Return which check is in the notebook and not among the records, or nothing."""
    written = Counter[tuple[str, str]]((r.name, r.status) for r in records if isinstance(r, Check))
    shown = Counter((g.name, g.status) for g in glued if g.kind == "check")
    for (name, status), _ in (shown - written).items():
        return f"check {name!r} is {status} in the notebook, and records.jsonl does not hold that"
    return ""


def _does_something(cell: Mapping[str, Any]) -> bool:
    """Say whether a cell holds code; one that is empty or only remarks is not executed."""
    lines = "".join(cell.get("source", "")).splitlines()
    is_code = cell["cell_type"] == "code"
    return is_code and any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def _place(cells: Sequence[Mapping[str, Any]], index: int) -> str:
    return f"cell {cells[index].get('id', index)}"
