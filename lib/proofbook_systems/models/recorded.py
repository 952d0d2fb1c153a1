"""Results of earlier runs, read again: a run's summary, or a folder with one file a type.

Both are the checklist's own forms, as :mod:`results` writes them; nothing here writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_systems.models.findings import DeviceVerdict, Finding, Verdict
from proofbook_systems.models.versions import IMPORTED

__all__ = ["RANKS", "Recorded", "read_recorded", "record"]

RANKS = {"REAL": 2, "RANDOM": 1, "MOCK": 0}
"""How much each kind of weights proves."""
_ENDING = "_test_results.json"
_STEPS = {"init": "compile", "handler": "match", "batch": "other-shape"}
"""What the checklist asks of each device, and the step that answers it."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What was recorded of one type."""

    type: str
    implementation: str = ""
    """REAL, RANDOM or MOCK."""
    model_class: str = ""
    category: str = ""
    checks: dict[str, str] = field(default_factory=dict)
    """``passed``, ``failed`` or ``skipped`` by check, those of devices as ``openvino/match``."""
    reasons: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)
    """The releases that made it; empty where that was not recorded."""


def record(verdicts: Iterable[Verdict]) -> dict[str, Recorded]:
    """Return verdicts in the form in which recorded ones are read."""
    return {verdict.type: _of_verdict(verdict) for verdict in verdicts}


def read_recorded(path: Path) -> dict[str, Recorded]:
    """Return what was recorded, by type.

    Args:
        path: A summary (``test_results_<time>.json``), a folder with ``<type>_test_results.json``,
            or one that has such a folder called ``expected_results`` or ``collected_results``.

    Raises:
        SubjectError: There is nothing to read, or it is not in that form.
    """
    if path.is_file():
        return _read_summary(path)
    for folder in (path, path / "expected_results", path / "collected_results"):
        if files := sorted(folder.glob(f"*{_ENDING}")):
            return {each.type: each for each in map(_read_one, files)}
    summaries = sorted(path.glob("test_results_*.json"))
    if not summaries:
        raise SubjectError(
            f"{path} has no results: give a test_results_<time>.json, or a folder with "
            f"<type>{_ENDING} files"
        )
    return _read_summary(summaries[-1])


def _of_verdict(verdict: Verdict) -> Recorded:
    findings = {each.check: each for each in verdict.findings}
    for row in verdict.devices:
        findings |= _on_device(row)
    return Recorded(
        type=verdict.type,
        implementation=verdict.implementation,
        model_class=verdict.model_class,
        category=verdict.category,
        checks={name: each.status for name, each in findings.items()},
        reasons={name: each.reason for name, each in findings.items() if each.reason},
        metrics=dict(verdict.metrics),
        imported=dict(verdict.imported),
    )


def _on_device(row: DeviceVerdict) -> dict[str, Finding]:
    """Return the steps of a device that the checklist's form has too."""
    if row.skipped:
        absent = Finding(check="match", status="skipped", reason=row.skipped)
        return {f"{row.device}/{step}": absent for step in _STEPS.values()}
    kept = [each for each in row.findings if each.check in _STEPS.values()]
    return {f"{row.device}/{each.check}": each for each in kept}


def _load(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SubjectError(f"{path} cannot be read as results: {error}") from error
    if not isinstance(data, dict):
        raise SubjectError(f"{path} has no results: it is a {type(data).__name__}, not an object")
    return data


def _read_summary(path: Path) -> dict[str, Recorded]:
    data = _load(path)
    if "results" not in data:
        return {(one := _collected(path, data)).type: one}
    try:
        return record(Verdict.from_dict(each["results"]) for each in data["results"])
    except (KeyError, TypeError, AttributeError) as error:
        raise SubjectError(f"{path} is no summary of model types: {error!r}") from error


def _read_one(path: Path) -> Recorded:
    return _collected(path, _load(path))


_STATUSES = {"Success": "passed", "Failed": "failed"}
_CHECKS = {"init": "init", "handler": "forward", "batch": "batch"}


def _name(key: str) -> str:
    """Return the check that a key of the checklist stands for: ``openvino_handler`` is a match."""
    device, _, step = key.rpartition("_")
    if not device or step not in _STEPS:
        return key
    return _CHECKS[step] if device == "cpu" else f"{device}/{_STEPS[step]}"


def _collected(path: Path, data: dict[str, Any]) -> Recorded:
    """Return one type's results; what is marked as not tried, and why, is skipped."""
    try:
        metadata, statuses = data["metadata"], data["status"]
        told = {_name(key): str(words) for key, words in statuses.items()}
        return Recorded(
            type=metadata["model"],
            implementation=_least_real(metadata["implementation_type"], statuses.values()),
            model_class=metadata.get("class", ""),
            category=metadata.get("category", ""),
            checks={name: _status(words) for name, words in told.items() if _status(words)},
            reasons={name: words.partition(": ")[2] for name, words in told.items()},
            metrics=dict(data.get("performance_metrics", {})),
            imported={name: str(metadata[name]) for name in IMPORTED if name in metadata},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise SubjectError(f"{path} is no type's results: {error!r} is missing") from error


def _least_real(told: str, statuses: Iterable[object]) -> str:
    """Return what is told of a type's weights, or what one check says of itself that proves less.

    A single check can be answered by a mock: its words end with what answered, in parentheses.
    """
    said: list[str] = [
        kind for words in statuses for kind in re.findall(r"\((REAL|RANDOM|MOCK)\)", str(words))
    ]
    return sorted([told, *said], key=lambda kind: RANKS.get(kind, 0))[0]


def _status(words: str) -> str:
    """Return a check's status; empty where it was not reached, as in a verdict."""
    first = words.split(":")[0].split(" ")[0]
    if words == "Not tried: an earlier step failed":
        return ""
    return _STATUSES.get(first, "skipped")
