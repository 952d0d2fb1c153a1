"""``proofbook run``: from options to a finished run, and its exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from proofbook.errors import UsageError
from proofbook.extras import refuse_missing_extras
from proofbook.project import Project, find_project
from proofbook.runner.executors.kinds import LOCAL, Choice
from proofbook.runner.listing import refuse_without_default
from proofbook.runner.plan import Plan, load_plan
from proofbook.runner.resume import Rerun, expected_seconds
from proofbook.runs.finding import find_run
from proofbook.runs.folder import RunFolder
from proofbook.runs.run_verdict import exit_code
from proofbook.terminal import say

__all__ = ["RunOptions", "run_command"]

_MEANINGS = {
    "passed": "all checks passed",
    "waived": "all checks passed; a question was waived",
    "unreviewed": "all checks passed; nobody has looked yet",
    "rejected": "all checks passed; somebody has rejected it",
    "failed": "a check failed, or was required and could not run",
    "error": "something crashed, raised or timed out",
    "cancelled": "cancelled",
    "incomplete": "not everything ran",
}
_EXPLAINED = ("failed", "error", "unreviewed")
"""Verdicts after which something is left to do that the terminal can name."""
_FEW = 200
"""Jobs whose files are read once more in about a second."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What was asked for on the command line."""

    runbooks: tuple[str, ...] = ()
    profile: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    slots: int | None = None
    allow_skips: tuple[str, ...] = ()
    resume: str | None = None
    rerun: Rerun | None = None
    outputs: Path | None = None
    cold: bool = False
    executor: Choice = LOCAL


def run_command(options: RunOptions) -> int:
    """Execute what the options ask for; return the exit code.

    Raises:
        ProofbookError: Bad usage, found before any kernel starts.
    """
    project = find_project(Path.cwd())
    outputs = options.outputs or project.outputs
    resumes = options.resume is not None or options.rerun is not None
    folder = (_find if resumes else _begin)(project, outputs, options)
    # Papermill and its friends take half a second to import: only for a plan that is sound.
    from rich.console import Console

    from proofbook.runner.progress import Progress
    from proofbook.runner.run import execute_run

    result = execute_run(
        folder,
        project,
        rerun=options.rerun or "failed",
        progress=Progress(Console(file=sys.stdout), expected_seconds(outputs)),
        slots=options.slots,
        cold=options.cold,
        choice=options.executor,
    )
    say(f"{result.verdict}: {_MEANINGS[result.verdict]}")
    if result.verdict in _EXPLAINED:
        _tell_next_steps(folder, options.outputs)
    say(f"report: {result.report}")
    return exit_code(result.verdict)


def _tell_next_steps(folder: RunFolder, outputs: Path | None) -> None:
    """Say why a run is not green, and what to do; of one with many jobs the report says it."""
    if len(folder.read_info().plan) > _FEW:
        return
    from proofbook.report.loading import load_run
    from proofbook.runner.next_steps import list_next_steps

    for line in list_next_steps(load_run(folder), outputs):
        say(line)


def _begin(project: Project, outputs: Path, options: RunOptions) -> RunFolder:
    """Plan a new run, and make its folder where the plan is sound and this machine can run it."""
    if options.profile is None and not options.runbooks:
        refuse_without_default(project)
    plan = load_plan(
        project, options.profile, only=options.runbooks, overrides=options.overrides,
        allow_skips=options.allow_skips,
    )  # fmt: skip
    refuse_missing_extras(job.runbook for job in plan.jobs)
    _tell_defaults(plan)
    from proofbook.runner.executors.choice import find_capacity
    from proofbook.runner.feasibility import refuse_unrunnable
    from proofbook.runner.run import begin_run

    capacity = find_capacity(plan.jobs, options.slots, options.executor)
    refuse_unrunnable(plan, capacity)
    return begin_run(project, plan, outputs, capacity.slots)


def _tell_defaults(plan: Plan) -> None:
    """Say of which jobs nothing was taken that the profile gives the reference subject."""
    for job in plan.jobs:
        if job.id in plan.anew:
            say(
                f"{job.id}: what {plan.profile} says is for the reference subject; it begins with "
                f"the defaults of {job.runbook}, and no skip is allowed beside --allow-skips. "
                "A profile of your own gives parameters, and allow_skips"
            )


def _find(project: Project, outputs: Path, options: RunOptions) -> RunFolder:
    """Find the run that is resumed."""
    if options.runbooks or options.overrides or options.allow_skips:
        raise UsageError(
            "--resume goes on with a run as it was planned: give no runbooks, -p or --allow-skips"
        )
    if options.resume not in (None, "latest") and options.profile:
        raise UsageError("--resume RUN names the run already: give no --profile")
    folder = find_run(outputs, options.resume or "latest", options.profile)
    folder.refuse_links()  # it may have been received, and is written into
    refuse_missing_extras(job.runbook for job in folder.read_info().plan)
    return folder
