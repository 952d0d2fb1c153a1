"""What many verdicts say of devices: shares, and a table by category and device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from proofbook_systems.models.catalogue import CATEGORIES
from proofbook_systems.models.devices.causes import group_device_causes
from proofbook_systems.models.findings import DeviceVerdict, Verdict
from proofbook_systems.models.summaries import table

__all__ = [
    "causes_table",
    "compatibility_table",
    "find_absence",
    "name_causes",
    "name_rows",
    "share_on",
    "sum_metric",
]

_MOST_NAMES = 12


def name_rows(verdicts: Iterable[Verdict]) -> list[str]:
    """Return the names of the devices that were asked for, in their order."""
    return list(dict.fromkeys(row.device for verdict in verdicts for row in verdict.devices))


def _rows(verdicts: Iterable[Verdict], device: str) -> list[DeviceVerdict]:
    return [row for verdict in verdicts for row in verdict.devices if row.device == device]


def find_absence(verdicts: Iterable[Verdict], device: str) -> str:
    """Return why no answer of a device was judged; empty where one was, or did not come."""
    rows = _rows(verdicts, device)
    if not all(row.skipped or row.status_of("match") == "skipped" for row in rows):
        return ""
    reasons = (row.skipped or _skip_reason(row) for row in rows)
    return next(filter(None, reasons), f"no answer on {device} could be compared" if rows else "")


def _skip_reason(row: DeviceVerdict) -> str:
    return next((each.reason for each in row.findings if each.check == "match"), "")


def share_on(verdicts: Iterable[Verdict], device: str, step: str) -> float:
    """Return how many of the types that answer pass a step on a device.

    A skipped step counts neither way; 1.0 where there is none to count.
    """
    statuses = [row.status_of(step) for row in _rows(verdicts, device) if not row.skipped]
    counted = [status for status in statuses if status != "skipped"]
    return counted.count("passed") / len(counted) if counted else 1.0


def name_causes(verdicts: Iterable[Verdict], device: str) -> str:
    """Return why answers do not match on a device, in words, the most frequent cause first."""
    groups = group_device_causes(verdicts)
    words = [
        f"{step}: {cause} ({len(names)}, as {names[0]})"
        for (row, step, cause), names in groups.items()
        if row == device and step != "other-shape"
    ]
    return "; ".join(words) or "all do"


def sum_metric(verdicts: Iterable[Verdict], device: str, metric: str) -> float:
    """Return the sum of what was measured of every type on a device."""
    return sum(row.metrics.get(metric, 0.0) for row in _rows(verdicts, device))


def compatibility_table(verdicts: Sequence[Verdict]) -> str:
    """Return a Markdown table: of each category and device, how many answers match, of those tried.

    What matches in one shape alone is counted behind it.
    """
    devices = name_rows(verdicts)
    rows = []
    for category in CATEGORIES:
        some = [verdict for verdict in verdicts if verdict.category == category]
        if some:
            cells = [_cell(_rows(some, device)) for device in devices]
            rows.append([category, str(len(some)), *cells])
    return table(["category", "types", *devices], rows)


def _cell(rows: Sequence[DeviceVerdict]) -> str:
    if rows and all(row.skipped for row in rows):
        return f"not tried: {rows[0].skipped}"
    tried = [row for row in rows if row.status_of("match") != "skipped" and not row.skipped]
    matching = [row for row in tried if row.status_of("match") == "passed"]
    fixed = sum(row.status_of("other-shape") == "failed" for row in matching)
    return f"{len(matching)}/{len(tried)}" + (f" ({fixed} in one shape)" if fixed else "")


def causes_table(verdicts: Sequence[Verdict]) -> str:
    """Return a Markdown table of why models fail on devices, the most frequent cause first."""
    rows = [
        [device, step, cause, str(len(names)), _listed(names)]
        for (device, step, cause), names in group_device_causes(verdicts).items()
    ]
    return table(["device", "step", "cause", "types", "which"], rows) if rows else "Nothing.\n"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
