"""What a runbook proposes for its parameters, from the subject that it is pointed at.

A package brings a proposer by an entry point, beside the parameter models of its runbooks:

    [project.entry-points."proofbook.suggestions"]
    environment = "proofbook_systems.environment.suggesting"   # a module with SUGGESTIONS

``SUGGESTIONS`` maps a runbook's name to a function from its parameters to suggestions. Nothing is
run and nothing is decided: a person reads the profile, and changes it.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import JsonValue

from proofbook.errors import UsageError

__all__ = ["GROUP", "Suggest", "Suggestion", "find_suggest", "format_profile"]

GROUP = "proofbook.suggestions"


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A value for one parameter, or for one key or item of it."""

    parameter: str
    value: JsonValue
    """An item of a list, an entry of a mapping, or a whole value."""
    origin: str
    """Where the subject says so: ``compose.yml: services.web.ports``."""
    doubt: str = ""
    """Why it is not proposed, but only told; empty where it is."""


Suggest = Callable[[Mapping[str, Any]], Iterable[Suggestion]]


def find_suggest(runbook: str) -> Suggest:
    """Return the function that proposes parameters of ``<system>/<name>``.

    Raises:
        UsageError: No installed package brings one, or one promises it and does not bring it.
    """
    system, _, name = runbook.partition("/")
    for entry in importlib.metadata.entry_points(group=GROUP, name=system):
        try:
            suggestions = entry.load().SUGGESTIONS
        except (ImportError, AttributeError) as error:
            raise UsageError(
                f"entry point {entry.name!r} of {GROUP} promises {entry.value}, which has no "
                f"SUGGESTIONS: {error}"
            ) from error
        if name in suggestions:
            found: Suggest = suggestions[name]
            return found
    known = ", ".join(sorted({e.name for e in importlib.metadata.entry_points(group=GROUP)}))
    raise UsageError(
        f"{runbook} proposes no parameters; runbooks of these systems do: {known or 'none'}"
    )


def format_profile(
    runbook: str, given: Mapping[str, JsonValue], suggestions: Iterable[Suggestion]
) -> str:
    """Return a profile with one job, in YAML; remarks say where each value comes from.

    Args:
        runbook: Its name.
        given: Parameters that a person has set, which stay as they are.
        suggestions: What is proposed beside those, and what is only told.
    """
    offered = [each for each in suggestions if each.parameter not in given]
    lines = [f"      {name}: {_flow(value)}" for name, value in given.items()]
    for parameter in dict.fromkeys(each.parameter for each in offered):
        lines += _parameter(parameter, [each for each in offered if each.parameter == parameter])
    has_values = bool(given) or any(not each.doubt for each in offered)
    head = [f"description: What {runbook} asks of this subject, as it was proposed.", "", "jobs:",
            f"  - runbook: {runbook}", *(["    parameters:"] if has_values else [])]  # fmt: skip
    return "\n".join([*head, *lines, '    allow_skips: ["gpu-*", "optional-*"]'])


def _parameter(name: str, offered: list[Suggestion]) -> list[str]:
    taken = [each for each in offered if not each.doubt]
    lines = [f"      # {name}: {_flow(each.value)} ({each.origin}): {each.doubt}"
             for each in offered if each.doubt]  # fmt: skip
    if taken and not isinstance(taken[0].value, dict | list):
        lines.append(f"      {name}:")
        lines += [f"        - {_flow(each.value)}  # {each.origin}" for each in taken]
    elif taken:
        lines.append(f"      {name}:")
        for each in taken:
            entries = each.value.items() if isinstance(each.value, dict) else ()
            lines += [f"        {_flow(k)}: {_flow(v)}  # {each.origin}" for k, v in entries]
    return lines


def _flow(value: object) -> str:
    """Return a value as YAML in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...").strip()
