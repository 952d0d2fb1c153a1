"""``proofbook run RUNBOOK --suggest``: a profile for a subject, proposed and not run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from proofbook.errors import UsageError
from proofbook.notebooks import read_runbook
from proofbook.project import find_project
from proofbook.runner.plan import load_plan
from proofbook.suggestions import find_suggest, format_profile

__all__ = ["suggest_profile"]


def suggest_profile(
    runbooks: tuple[str, ...], profile: str | None, overrides: Mapping[str, str]
) -> str:
    """Return a profile for one runbook, pointed at a subject by ``overrides``.

    Raises:
        UsageError: Not one runbook was named, or nothing proposes its parameters.
    """
    project = find_project(Path.cwd())
    plan = load_plan(project, profile, only=runbooks, overrides=overrides)
    names = {job.runbook for job in plan.jobs}
    if len(names) != 1:
        raise UsageError("--suggest proposes parameters of one runbook: name it")
    job = plan.jobs[-1]
    suggest = find_suggest(job.runbook)
    declared = read_runbook(project.runbook(job.runbook), job.runbook).parameters.values()
    defaults = {each.name: each.default for each in declared if not each.required}
    given = {name: job.parameters[name] for name in overrides if name in job.parameters}
    return format_profile(job.runbook, given, suggest({**defaults, **given}))
