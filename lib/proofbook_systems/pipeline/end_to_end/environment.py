"""Judge a pipeline's environment: its own validation, and whether that notices what is missing."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.end_to_end.folders import named_folders, unseen_folders
from proofbook_systems.pipeline.end_to_end.walk import Walk
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.stages import StageRun, run_stage
from proofbook_systems.pipeline.tables import read_rows
from proofbook_systems.pipeline.workspace import Workspace, copy_workspace

__all__ = ["judge_environment"]

_SETTING = re.compile(r"^\s*(?:export\s+)?(\w+)\s*=[ \t]*(\S*)", re.MULTILINE)
_DATABASES = {"trends_db": "trends", "metrics_db": "metrics", "library_db": "library"}


def judge_environment(
    walk: Walk, runs: Sequence[StageRun], removed: Sequence[str] = ()
) -> list[Finding]:
    """Judge what the stages ``validate`` and ``init`` say, and what is there after them.

    Args:
        walk: The walk.
        runs: Of the stages.
        removed: Folders that are gone since the validation began.
    """
    by_stage = {run.stage: run for run in runs}
    validated, initialised = by_stage.get("validate"), by_stage.get("init")
    keys = finding("keys-set", _unset_keys(walk), why="a service asks for them")
    return [
        finding(
            "environment-validates", validated.faults or _taken(removed) if validated else [],
            untried="" if validated else "commands has no validate",
            why="the pipeline itself says that it cannot run here",
        ),
        *([keys] if walk.config.keys else []),
        finding(
            "databases-ready", initialised.faults or _databases(walk) if initialised else [],
            untried=_databases_unknown(walk, initialised),
            why="the stages write into them",
        ),
        finding(
            "validation-notices",
            _unnoticed(walk, validated) if validated and validated.ended_well else [],
            untried=_unnoticed_unknown(walk, validated),
            why="a validation that passes without a key or a database lets a run begin that fails",
        ),
    ]  # fmt: skip


def _unset_keys(walk: Walk) -> list[str]:
    known = {**_in_file(walk), **os.environ, **walk.workspace.environment}
    return [f"{key} is not set" for key in walk.config.keys if not known.get(key, "").strip()]


def _databases(walk: Walk) -> list[str]:
    faults, there = [], 0
    for artefact, kind in _DATABASES.items():
        if not walk.workspace.knows(artefact) or not walk.path(artefact).exists():
            continue  # a later stage may make it
        there += 1
        try:
            read_rows(walk.path(artefact), kind, walk.names)
        except SubjectError as error:
            faults.append(str(error))
    declared = [walk.workspace.paths[a] for a in _DATABASES if walk.workspace.knows(a)]
    if declared and not there:
        return [f"init exited with code 0, and none of {', '.join(declared)} is there"]
    return faults


def _databases_unknown(walk: Walk, initialised: StageRun | None) -> str:
    if initialised is None:
        return "commands has no init: a later stage makes them"
    known = any(walk.workspace.knows(artefact) for artefact in _DATABASES)
    return "" if known or initialised.faults else "paths has no database"


def _unnoticed_unknown(walk: Walk, validated: StageRun | None) -> str:
    if validated is None:
        return "commands has no validate"
    if not validated.ended_well:
        return "the validation fails as it is"
    there = any(walk.workspace.knows(a) and walk.path(a).is_file() for a in _DATABASES)
    if there or walk.config.keys or named_folders(walk, validated):
        return ""
    return "there is neither a key nor a database to take away, nor a folder that it names"


def _taken(removed: Sequence[str]) -> list[str]:
    return [f"validate removed the folder {name}, which was there before it" for name in removed]


def _unnoticed(walk: Walk, validated: StageRun) -> list[str]:
    """Return what the validation passes over: a key, a damaged database, a folder that is gone."""
    faults = []
    for key in walk.config.keys:
        lacking = _without_key(walk, key)
        if run_stage(lacking, "validate", walk.episode).ended_well:
            faults.append(f"validate exits with code 0 without {key}")
    damaged = _damaged_copy(walk)
    if damaged and run_stage(damaged[0], "validate", walk.episode).ended_well:
        faults.append(f"validate exits with code 0 where {damaged[1].name} is no database")
    return faults + unseen_folders(walk, validated)


def _in_file(walk: Walk) -> dict[str, str]:
    """Return what is set in the file of keys, where one was named."""
    path = walk.workspace.folder / walk.config.env_file
    if not walk.config.env_file or not path.is_file():
        return {}
    found = _SETTING.findall(path.read_text(encoding="utf-8", errors="replace"))
    return {key: value.strip("\"'") for key, value in found}


def _without_key(walk: Walk, key: str) -> Workspace:
    """Return the workspace without a key: in the environment, and in a copy of the file of keys."""
    workspace = walk.workspace
    if key in _in_file(walk):
        workspace = copy_workspace(workspace, walk.folder / "apart" / "keys", walk.config.link)
        path = workspace.folder / walk.config.env_file
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        kept = [
            f"{key}=" if re.match(rf"\s*(export\s+)?{key}\s*=", line) else line for line in lines
        ]
        path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return workspace.with_environment(**{key: ""})


def _damaged_copy(walk: Walk) -> tuple[Workspace, Path] | None:
    """Return a copy of the workspace with a database that is none; None where there is none yet."""
    there = [a for a in _DATABASES if walk.workspace.knows(a) and walk.path(a).is_file()]
    if not there:
        return None
    copy = copy_workspace(walk.workspace, walk.folder / "apart" / "damaged", walk.config.link)
    path = copy.path(there[0], walk.episode)
    path.write_bytes(b"This is no database. " * 200)
    return copy, path
