"""What a job's records say against it: the rules that need nothing but the records.

Each function returns one line, or nothing where the rule holds. Knows nothing about files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from pydantic import JsonValue

from proofbook.records import (
    AnyRecord,
    Begin,
    Check,
    Evidence,
    Fault,
    Finish,
    Identity,
    Output,
    Question,
)
from proofbook.values import count_noun, to_json

__all__ = [
    "broken_sequence",
    "contradictions",
    "faults",
    "forbidden_skips",
    "is_forbidden_skip",
    "skip_reasons",
    "unmet_checks",
]

_NAMED = 3
_UNIQUE = Check | Evidence | Identity | Output | Question


def unmet_checks(checks: Sequence[Check]) -> str:
    """Return which checks failed or could not be evaluated."""
    unmet = [check.name for check in checks if check.status in ("failed", "error")]
    of = count_noun(len(checks), "check")
    return f"{len(unmet)} of {of} did not pass: {_names(unmet)}" if unmet else ""


def forbidden_skips(checks: Sequence[Check], globs: Sequence[str]) -> str:
    """Return which skipped checks match none of the globs of checks that may be skipped.

    Checks that were skipped for one reason stand together before it.
    """
    by_reason: dict[str, list[str]] = {}
    for check in checks:
        if is_forbidden_skip(check, globs):
            by_reason.setdefault(check.reason or "no reason given", []).append(check.name)
    told = [f"{_names(names)} ({reason})" for reason, names in by_reason.items()]
    rest = sum(map(len, list(by_reason.values())[_NAMED:]))
    more = f"; {rest} more for other reasons" if rest else ""
    return f"required but unavailable: {', '.join(told[:_NAMED])}{more}" if told else ""


def is_forbidden_skip(check: Check, globs: Sequence[str]) -> bool:
    """Say whether a check was skipped that matches none of the globs."""
    return check.status == "skipped" and not any(fnmatchcase(check.name, glob) for glob in globs)


def skip_reasons(checks: Sequence[Check]) -> str:
    """Return why checks were skipped, each reason once."""
    return _names(list(dict.fromkeys(check.reason or "no reason given" for check in checks)))


def faults(records: Sequence[AnyRecord]) -> str:
    """Return what went wrong beside the checks."""
    found = [record.what for record in records if isinstance(record, Fault)]
    return found[0] + (f" (and {len(found) - 1} more)" if len(found) > 1 else "") if found else ""


def contradictions(
    records: Sequence[AnyRecord], runbook: str, parameters: Mapping[str, JsonValue]
) -> str:
    """Return where the records are not those of the planned job, or of no possible one."""
    return (
        _foreign_begin(records, runbook, parameters)
        or _doubled_name(records)
        or _unfounded_question(records)
    )


def _foreign_begin(
    records: Sequence[AnyRecord], runbook: str, parameters: Mapping[str, JsonValue]
) -> str:
    for begin in (record for record in records if isinstance(record, Begin)):
        if begin.runbook != runbook:
            return f"its checks call themselves {begin.runbook}, and the runbook is {runbook}"
        for name, planned in parameters.items():
            if name in begin.parameters and not _same(begin.parameters[name], to_json(planned)):
                found = begin.parameters[name]
                return f"parameter {name!r} was planned as {planned!r}, and {found!r} was in force"
    return ""


def _same(found: JsonValue, planned: JsonValue) -> bool:
    """Compare as Python does, but a flag with no number."""
    return found == planned and isinstance(found, bool) is isinstance(planned, bool)


def _doubled_name(records: Sequence[AnyRecord]) -> str:
    names = Counter((r.kind, r.name) for r in records if isinstance(r, _UNIQUE))
    for (kind, name), count in names.items():
        if count > 1:
            return f"there are {count} records of kind {kind} with the name {name!r}"
    return ""


def _unfounded_question(records: Sequence[AnyRecord]) -> str:
    shown = {record.file.sha256 for record in records if isinstance(record, Evidence)}
    for record in records:
        if isinstance(record, Question) and not shown.issuperset(record.about):
            return f"question {record.name!r} is about evidence that is not there"
    return ""


def broken_sequence(records: Sequence[AnyRecord], unreadable_lines: int) -> str:
    """Return why the records are not those of one whole execution."""
    if unreadable_lines:
        return f"{unreadable_lines} lines of records.jsonl cannot be read"
    if not records:
        return "no records were made"
    kinds = Counter[str](record.kind for record in records)
    if kinds["begin"] != 1 or not isinstance(records[0], Begin):
        return f"records.jsonl must start with one begin record and holds {kinds['begin']}"
    if not kinds["finish"]:
        return "no finish record: the runbook did not reach its last cell"
    if kinds["finish"] != 1:
        return f"{kinds['finish']} finish records: several executions are mixed"
    finish = records[-1]
    if not isinstance(finish, Finish):
        return f"records were made after the finish: {finish.kind}"
    before = kinds - Counter({"finish": 1})
    if {kind: count for kind, count in finish.counts.items() if count} != dict(before):
        return (
            f"records were lost: finish counted {_counts(finish.counts)}, and there are "
            f"{_counts(before)}"
        )
    return ""


def _names(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[kind]} {kind}" for kind in sorted(counts)) or "nothing"
