"""``proofbook run``: from options to a finished run, and its exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import typer

from proofbook.errors import UsageError
from proofbook.project import Project, find_project
from proofbook.runner.plan import load_plan
from proofbook.runner.resume import Rerun
from proofbook.runs.finding import find_run
from proofbook.runs.folder import RunFolder
from proofbook.runs.run_verdict import exit_code

__all__ = ["RunOptions", "run_command"]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What was asked for on the command line."""

    runbooks: tuple[str, ...] = ()
    profile: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    slots: int | None = None
    resume: str | None = None
    rerun: Rerun | None = None
    outputs: Path | None = None
    cold: bool = False


def run_command(options: RunOptions) -> int:
    """Execute what the options ask for; return the exit code.

    Raises:
        ProofbookError: Bad usage, found before any kernel starts.
    """
    project = find_project(Path.cwd())
    outputs = options.outputs or project.outputs
    if options.resume is not None or options.rerun is not None:
        return _resume(project, outputs, options)
    plan = load_plan(
        project, options.profile or "tiny", only=options.runbooks, overrides=options.overrides
    )
    # Papermill and its friends take half a second to import: only for a plan that is sound.
    from proofbook.runner.run import begin_run

    folder = begin_run(project, plan, outputs, options.slots)
    return _execute(folder, project, outputs, options)


def _resume(project: Project, outputs: Path, options: RunOptions) -> int:
    if options.runbooks or options.overrides:
        raise UsageError("--resume goes on with a run as it was planned: give no runbooks or -p")
    if options.resume not in (None, "latest") and options.profile:
        raise UsageError("--resume RUN names the run already: give no --profile")
    folder = find_run(outputs, options.resume or "latest", options.profile)
    return _execute(folder, project, outputs, options)


def _execute(folder: RunFolder, project: Project, outputs: Path, options: RunOptions) -> int:
    from rich.console import Console

    from proofbook.runner.progress import Progress
    from proofbook.runner.resume import expected_seconds
    from proofbook.runner.run import execute_run

    result = execute_run(
        folder,
        project,
        rerun=options.rerun or "failed",
        progress=Progress(Console(file=sys.stdout), expected_seconds(outputs)),
        slots=options.slots,
        cold=options.cold,
    )
    _print_ending(result.verdict, result.report)
    return exit_code(result.verdict)


def _print_ending(verdict: str, report: Path) -> None:
    meaning = {
        "passed": "all checks passed",
        "waived": "all checks passed; a question was waived",
        "unreviewed": "all checks passed; nobody has looked yet",
        "rejected": "all checks passed; somebody has rejected it",
        "failed": "a check failed",
        "error": "something crashed, raised or timed out",
        "cancelled": "cancelled",
        "incomplete": "not everything ran",
    }
    typer.echo(f"{verdict}: {meaning[verdict]}")
    typer.echo(f"report: {report}")
