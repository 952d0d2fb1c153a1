"""Why models fail on devices, in groups: of one cause there is one thing to mend."""

from __future__ import annotations

import re
from collections.abc import Iterable

from proofbook_systems.models.findings import Verdict

__all__ = ["find_device_cause", "group_device_causes"]

_CAUSES: list[tuple[str, str]] = [
    (r"time limit", "took too long"),
    (r"memory limit|bad_alloc|MemoryError|can't allocate", "took too much memory"),
    (r"ended by signal (\w+)", "crashed: {}"),
    (r"ended with code (-?\d+)", "ended with code {}"),
    (r"the device asked the model", "the model on the CPU answered for the device"),
    (r"same answer", "answers other inputs with the same answer"),
    (r"Loss computation is not supported", "answers with a loss, which no exporter takes"),
    (r"[Dd]ata-?[Dd]ependent|unbacked|unhinted", "control flow depends on values"),
    (r"Guard failed|Got invalid dimensions|Constraints violated|specialized|ConstraintViolation"
     r"|is incompatible with|Expected input .* to be equal", "a shape was taken for a constant"),
    (r"(?:Operator|operator|op) '?([\w:.]+)'? .*(?:not supported|not implemented)"
     r"|No (?:decompositions|conversion rule|ONNX function) .*?([\w:]*aten[\w:.]+)"
     r"|Could not find an implementation for (\w+)"
     r"|No translation for (\w+)", "an operator is not there: {}"),
    (r"OpConversionFailure|fully converted", "an operator is not there"),
    (r"not exist|Unsupported|unsupported|not supported|NotImplemented", "not supported"),
    (r"(?i)complex", "complex numbers"),
    (r"(?:^|: )outputs \[", "other outputs"),
    (r"inf away", "answers of another shape or with infinities"),
    (r"is ([\d.e+-]+) away", "answers that rounding does not explain"),
    (r"(?i)cache", "the cache"),
]  # fmt: skip
_NUMBERS = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")


def find_device_cause(reason: str) -> str:
    """Return the group that a message belongs to; its own first words where it fits none."""
    for pattern, name in _CAUSES:
        if found := re.search(pattern, reason):
            return name.format(next((g for g in found.groups() if g), ""))
    return _NUMBERS.sub("N", reason)[:80]


def group_device_causes(verdicts: Iterable[Verdict]) -> dict[tuple[str, str, str], list[str]]:
    """Return the types that fail on a device, in a step, of one cause; the most frequent first."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for verdict in verdicts:
        for row in verdict.devices:
            for finding in row.failed:
                key = (row.device, finding.check, find_device_cause(finding.reason))
                groups.setdefault(key, []).append(verdict.type)
    return dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))
