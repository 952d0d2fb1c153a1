"""Relative paths in parameters: each counts from where it was written.

A command line's count from the folder in which it was typed, a profile's from the project's
folder, and a runbook's own defaults from the runbook, whose neighbours are brought to its job. A
text is taken for a path where it says so (``.``, ``..``, ``./a``, ``../a``), where it has a slash
and there is such a file or folder, or where there is a file of this name. A word that is only a
folder's name stays a word: ``-p split=train`` means the same beside a folder ``train``. What a
config model declares to be a path is one, even if it does not exist yet. Items of lists and
mappings are left alone: a command's words count from the folder that it runs in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from pydantic import JsonValue

from proofbook.notebooks import Runbook
from proofbook.records import PlannedJob
from proofbook.runner.outputs import has_expression
from proofbook.subjects import is_reference

__all__ = ["anchor_parameters", "anchor_path"]

_SEPARATORS = ("/", os.sep)
_DOTTED = tuple(dots + separator for dots in (".", "..") for separator in _SEPARATORS)


def anchor_path(text: str, base: Path, *, declared: bool = False) -> str:
    """Return a relative path as an absolute one, which counts from ``base``; else the text.

    ``declared`` says that the text is a path, unless it is empty, a reference, an expression, a URL
    or begins with ``~``.
    """
    path = os.path.join(base, text)  # noqa: PTH118
    has_separator = any(separator in text for separator in _SEPARATORS)
    says_path = text in (".", "..") or text.startswith(_DOTTED)
    # Of a text that can be no path, such as one with a NUL, these say that there is none.
    is_file = bool(text) and os.path.isfile(path)  # noqa: PTH113
    exists = has_separator and os.path.exists(path)  # noqa: PTH110
    is_path = declared and _can_be_path(text)
    return os.path.normpath(path) if says_path or is_file or exists or is_path else text


def anchor_parameters(
    jobs: list[PlannedJob],
    runbooks: Mapping[str, Runbook],
    base: Path,
    *,
    without: Collection[str] = (),
    paths_of: Callable[[Runbook], Collection[str]] = lambda _: (),
) -> list[PlannedJob]:
    """Return ``jobs`` with the relative paths of their text parameters counted from ``base``.

    Args:
        jobs: What a profile plans.
        runbooks: Their runbooks, which say what is a text.
        base: The project's folder.
        without: Parameters that were given in another place.
        paths_of: Names the parameters of a runbook that are paths in any case.
    """

    anchored: dict[tuple[str, bool], str] = {}  # many jobs share a value; each is looked for once

    def anchor(name: str, value: JsonValue, runbook: Runbook) -> JsonValue:
        declared = runbook.parameters.get(name)
        is_text = declared is not None and declared.annotation == "str"
        if name in without or not is_text or not isinstance(value, str):
            return value
        key = value, name in paths_of(runbook)
        if key not in anchored:
            anchored[key] = anchor_path(value, base, declared=key[1])
        return anchored[key]

    changed = []
    for job in jobs:
        runbook = runbooks[job.runbook]
        parameters = {n: anchor(n, value, runbook) for n, value in job.parameters.items()}
        same = parameters == job.parameters
        changed.append(job if same else job.model_copy(update={"parameters": parameters}))
    return changed


def _can_be_path(text: str) -> bool:
    named = not text or text.startswith("~") or "://" in text or "\0" in text
    return not (named or is_reference(text) or has_expression(text))
