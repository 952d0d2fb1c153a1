"""``proofbook list``: runbooks with their parameters, and profiles with their jobs."""

from __future__ import annotations

from proofbook.errors import NotebookError, ProofbookError, UsageError
from proofbook.notebooks import Runbook, list_runbooks, read_runbook
from proofbook.profiles import DEFAULT_PROFILE, list_profiles, load_profile
from proofbook.project import Project
from proofbook.runner.plan import load_plan
from proofbook.terminal import say

__all__ = ["print_listing", "refuse_without_default"]


def print_listing(project: Project, profile: str | None) -> None:
    """Print everything, or the jobs of one profile.

    Raises:
        ProfileError: The named profile cannot be used.
    """
    if profile is not None:
        _print_jobs(project, profile)
        return
    say("Runbooks")
    for name in _runbook_names(project):
        _print_runbook(project, name)
    say("Profiles")
    for path in list_profiles(project):
        try:
            text = load_profile(project, path.stem)[0].description
        except ProofbookError as error:
            text = f"cannot be used: {error}"
        say(f"  {path.stem:<24} {text}")


def refuse_without_default(project: Project) -> None:
    """Refuse to run what nobody has named, where there is no default profile.

    Raises:
        UsageError: There is none; the message says what there is.
    """
    profiles = [path.stem for path in list_profiles(project)]
    if DEFAULT_PROFILE not in profiles:
        raise UsageError(
            f"{project.parameters} has no profile {DEFAULT_PROFILE!r}; name a runbook "
            f"(there are: {', '.join(_runbook_names(project)) or 'none'}), or a profile with "
            f"--profile (there are: {', '.join(profiles) or 'none'})"
        )


def _runbook_names(project: Project) -> list[str]:
    folder = project.runbooks
    return [p.relative_to(folder).with_suffix("").as_posix() for p in list_runbooks(folder)]


def _print_runbook(project: Project, name: str) -> None:
    try:
        runbook = read_runbook(project.runbook(name), name)
    except NotebookError as error:
        say(f"  {name}  cannot be used: {error}")
        return
    say(f"  {name}  {runbook.title}")
    for line in _parameter_lines(runbook):
        say(f"      {line}")


def _parameter_lines(runbook: Runbook) -> list[str]:
    lines = []
    for p in runbook.parameters.values():
        default = "required" if p.required else f"= {p.default!r}"
        lines.append(f"{p.name}: {p.annotation} {default}".ljust(44) + f"  {p.help}".rstrip())
    return lines


def _print_jobs(project: Project, profile: str) -> None:
    plan = load_plan(project, profile)
    say(f"{plan.profile}: {plan.settings.description}")
    for job in plan.jobs:
        needs = f"  needs {', '.join(job.needs)}" if job.needs else ""
        parameters = ", ".join(f"{k}={v!r}" for k, v in job.parameters.items())
        say(f"  {job.id:<32} {job.runbook}{needs}  {parameters}".rstrip())
