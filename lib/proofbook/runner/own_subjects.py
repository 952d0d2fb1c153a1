"""Tell whether a command line points a job of a profile at another subject than a reference one.

The entry's other parameters, and the skips that it allows, were promised of the reference subject:
that its checks may be fewer, or that it calls no service. They are not true of anybody else's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import JsonValue

from proofbook.notebooks import Runbook
from proofbook.profiles import JobEntry
from proofbook.runner.outputs import has_expression
from proofbook.subjects import is_reference

__all__ = ["foreign_commands", "has_own_subject"]


def has_own_subject(
    entry: JobEntry,
    runbook: Runbook,
    overrides: Mapping[str, JsonValue],
    declared: Collection[str] = (),
) -> bool:
    """Say whether an override names another subject than the entry's, which is a reference one.

    A subject is named by a parameter whose default is a reference, by one that the runbook's config
    model declares, and by one for which the entry takes what another job makes of its own. An entry
    that was written for a person's own subject keeps what it says.

    Args:
        entry: As the profile has it.
        runbook: Its runbook, whose default holds where the entry gives no value of its own.
        overrides: What the command line gives the runbook.
        declared: Parameters that name the subject by the runbook's config model.
    """
    known = {
        name: _written(entry, name) for name, parameter in runbook.parameters.items()
        if name in declared or _has_reference(parameter.default)
        or any(map(has_expression, _written(entry, name)))
    }  # fmt: skip
    if any(_is_own(value) for values in known.values() for value in values):
        return False
    return any(_is_own(value) for name, value in overrides.items() if name in known)


def foreign_commands(
    parameters: Collection[str],
    runbook: Runbook,
    overrides: Mapping[str, JsonValue],
    started: Mapping[str, Collection[str]],
) -> list[str]:
    """Return the commands that would start a reference subject on what an override names.

    Args:
        parameters: Names that the job gives, overrides among them; other commands are defaults.
        runbook: Its runbook.
        overrides: What the command line gives the runbook.
        started: By command, the parameters that name what it starts.
    """
    return [
        command
        for command, names in started.items()
        if command not in parameters
        and _has_reference(runbook.parameters[command].default)
        and any(_is_own(overrides.get(name)) for name in names)
    ]


def _written(entry: JobEntry, name: str) -> list[JsonValue]:
    """Return the values that an entry gives a parameter."""
    several = [*entry.matrix.get(name, ()), *(e[name] for e in entry.include if name in e)]
    return several or [entry.parameters[name]] if name in entry.parameters else several


def _is_own(value: JsonValue) -> bool:
    return bool(value) and not has_expression(value) and not _has_reference(value)


def _has_reference(value: object) -> bool:
    """Say whether a value names a reference subject, at any depth."""
    if isinstance(value, str):
        return is_reference(value)
    if isinstance(value, list):
        return any(map(_has_reference, value))
    return isinstance(value, dict) and any(map(_has_reference, value.values()))
