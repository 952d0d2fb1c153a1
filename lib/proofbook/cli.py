"""The ``proofbook`` command: parses, calls one function, maps errors to exit codes.

Exit codes: 0 all green, 1 a check failed, 2 bad usage or profile, 3 something crashed or timed
out, 130 cancelled. Heavy modules are imported by the command that needs them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from proofbook.errors import ProofbookError, UsageError

__all__ = ["app", "main"]

app = typer.Typer(
    name="proofbook",
    help="Executable Jupyter runbooks for people who ship generative models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
warm_app = typer.Typer(
    help="A template process that outlives a command, for warm kernels in papermill, "
    "JupyterLab and the next run.",
    no_args_is_help=True,
)
app.add_typer(warm_app, name="warm")

Outputs = Annotated[
    Path | None, typer.Option("--outputs", help="Folder of the runs; default: outputs/.")
]
ProfileName = Annotated[
    str, typer.Option("--profile", help="A name under parameters/, or a YAML file.")
]


@app.command("list")
def list_command(profile: ProfileName = "") -> None:
    """Show runbooks with their parameters, and profiles with their jobs."""
    from proofbook.listing import print_listing
    from proofbook.project import find_project

    print_listing(find_project(Path.cwd()), profile or None)


@app.command()
def run(
    runbooks: Annotated[
        list[str] | None,
        typer.Argument(help="Runbooks or job ids; default: the whole profile."),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option("--profile", help="A name under parameters/, or a YAML file; default: tiny."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", help="name=value, for every job that has it."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", min=1, help="How many at a time.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(help="A run to go on with: its id, its folder, or latest.")
    ] = None,
    rerun: Annotated[
        str | None, typer.Option(help="What runs again: failed (default of --resume) or all.")
    ] = None,
    outputs: Outputs = None,
    cold: Annotated[bool, typer.Option("--cold", help="Ordinary kernels only.")] = False,
) -> None:
    """Execute runbooks and write one report."""
    from proofbook.runner.command import RunOptions, run_command

    options = RunOptions(
        runbooks=tuple(runbooks or ()),
        profile=profile,
        overrides=_overrides(parameter or []),
        slots=jobs,
        resume=resume,
        rerun=_rerun(rerun),
        outputs=outputs,
        cold=cold,
    )
    raise typer.Exit(run_command(options))


@app.command()
def report(
    run: Annotated[str, typer.Argument(help="A run's id, its folder, or latest.")],
    outputs: Outputs = None,
) -> None:
    """Build a run's report again, from its files alone."""
    from proofbook.project import find_project
    from proofbook.report import write_report
    from proofbook.runner.resume import find_run

    folder = find_run(outputs or find_project(Path.cwd()).outputs, run)
    typer.echo(str(write_report(folder)))


@app.command()
def lab(
    runbook_or_run: Annotated[
        str | None, typer.Argument(help="A runbook, or a run followed by one of its jobs.")
    ] = None,
    job: Annotated[str | None, typer.Argument(help="A job of that run.")] = None,
    outputs: Outputs = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
    port: Annotated[int, typer.Option(help="Port of the server; 0 takes any that is free.")] = 0,
) -> None:
    """Open JupyterLab on a runbook, or on a job as it was executed, with warm kernels."""
    from proofbook.lab import LabOptions, open_lab
    from proofbook.project import find_project

    project = find_project(Path.cwd())
    options = LabOptions(
        target=runbook_or_run,
        job=job,
        outputs=outputs or project.outputs,
        browser=browser,
        port=port,
    )
    raise typer.Exit(open_lab(project, options))


@warm_app.command("start")
def warm_start(
    profile: ProfileName = "tiny",
    idle: Annotated[float, typer.Option(help="Seconds without a kernel until it ends.")] = 900,
) -> None:
    """Import a profile's heavy libraries once, and keep them for later kernels."""
    from proofbook.kernels.warmth import start_shared
    from proofbook.profiles import load_profile
    from proofbook.project import find_project

    settings, _ = load_profile(find_project(Path.cwd()), profile)
    typer.echo(start_shared(settings.warm, idle).words)


@warm_app.command("stop")
def warm_stop() -> None:
    """End it."""
    from proofbook.kernels.warmth import stop_shared

    typer.echo("stopped" if stop_shared() else "none was running")


@warm_app.command("status")
def warm_status() -> None:
    """Say whether one is running, and what it has imported."""
    from proofbook.kernels.warmth import shared_status

    status = shared_status()
    typer.echo(status.words if status else "none is running")


def main() -> None:
    """Run the command; a known error is one line on stderr and its own exit code."""
    try:
        app()
    except ProofbookError as error:
        typer.echo(f"proofbook: {error}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get("PROOFBOOK_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}"
        typer.echo(f"proofbook: {what}; PROOFBOOK_DEBUG=1 shows where", err=True)
        sys.exit(ProofbookError.exit_code)


def _overrides(given: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for text, (name, equals, _) in zip(given, pairs, strict=True):
        if not name or not equals:
            raise UsageError(f"-p {text}: write it as name=value")
    return {name: value for name, _, value in pairs}


def _rerun(text: str | None) -> Literal["failed", "all"] | None:
    if text is None or text == "failed" or text == "all":
        return text  # type: ignore[return-value]
    raise UsageError(f"--rerun {text}: give failed or all")
