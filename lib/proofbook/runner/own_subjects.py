"""Tell whether a command line points a job of a profile at another subject than a reference one.

The entry's other parameters, and the skips that it allows, were promised of the reference subject:
that its checks may be fewer, or that it calls no service. They are not true of anybody else's.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from proofbook.notebooks import Runbook
from proofbook.profiles import JobEntry
from proofbook.runner.outputs import has_expression
from proofbook.subjects import is_reference

__all__ = ["has_own_subject"]


def has_own_subject(entry: JobEntry, runbook: Runbook, overrides: Mapping[str, JsonValue]) -> bool:
    """Say whether an override replaces a reference subject by something that is none.

    What another job of the profile makes of its reference subject is one, too.

    Args:
        entry: As the profile has it.
        runbook: Its runbook, whose default holds where the entry gives no value of its own.
        overrides: What the command line gives the runbook.
    """
    for name, value in overrides.items():
        is_own = bool(value) and not has_expression(value) and not _has_reference(value)
        if is_own and _has_reference(runbook.parameters[name].default):
            written = [*entry.matrix.get(name, ()), *(e[name] for e in entry.include if name in e)]
            given = written or [entry.parameters.get(name)]
            if not any(each and not has_expression(each) and not _has_reference(each)
                       for each in given):  # fmt: skip
                return True
    return False


def _has_reference(value: object) -> bool:
    """Say whether a value names a reference subject, at any depth."""
    if isinstance(value, str):
        return is_reference(value)
    if isinstance(value, list):
        return any(map(_has_reference, value))
    return isinstance(value, dict) and any(map(_has_reference, value.values()))
