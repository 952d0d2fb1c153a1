"""The ``proofbook`` command: parses, calls one function, maps errors to exit codes.

Exit codes: 0 all green, 1 a check failed, 2 bad usage or profile, 3 something crashed or timed
out, 130 cancelled. Heavy modules are imported by the command that needs them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from proofbook.errors import ProofbookError, UsageError

if TYPE_CHECKING:
    from proofbook.runs.folder import RunFolder

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
signoff_app = typer.Typer(help="The answers of people, as files.", no_args_is_help=True)
app.add_typer(signoff_app, name="signoff")
baseline_app = typer.Typer(help="The last approved takes.", no_args_is_help=True)
app.add_typer(baseline_app, name="baseline")

Outputs = Annotated[
    Path | None, typer.Option("--outputs", help="Folder of the runs; default: outputs/.")
]
ProfileName = Annotated[
    str, typer.Option("--profile", help="A name under parameters/, or a YAML file.")
]


RunName = Annotated[str, typer.Argument(help="A run's id, its folder, or latest.")]
KeyFile = Annotated[
    Path | None, typer.Option("--key", help="An Ed25519 SSH key to sign with: ~/.ssh/id_ed25519.")
]


@app.command("list")
def list_command(profile: ProfileName = "") -> None:
    """Show runbooks with their parameters, and profiles with their jobs."""
    from proofbook.project import find_project
    from proofbook.runner.listing import print_listing

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
    single_file: Annotated[
        Path | None, typer.Option("--single-file", help="Also write all of it into one file.")
    ] = None,
    budget: Annotated[
        float, typer.Option(help="MB that the single file may have; media beyond are left out.")
    ] = 25,
    outputs: Outputs = None,
) -> None:
    """Build a run's report again, from its files alone."""
    from proofbook.report import write_report
    from proofbook.report.single import write_single_file

    folder = _find(outputs, run)
    typer.echo(str(write_report(folder)))
    if single_file is not None:
        made = write_single_file(folder, single_file, int(budget * 1e6))
        typer.echo(str(single_file))
        if made.left_out:
            typer.echo(
                f"{len(made.left_out)} media files are not in it: it would be larger than "
                f"{budget:g} MB; see --budget",
                err=True,
            )


@app.command()
def review(
    run: RunName = "latest",
    reviewer: Annotated[str, typer.Option(help="Who reviews; default: as git knows you.")] = "",
    role: Annotated[str, typer.Option(help="As what, where a question asks for a role.")] = "",
    host: Annotated[
        str, typer.Option(help="Address to serve on; beyond this machine a token is wanted.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any that is free.")] = 0,
    key: KeyFile = None,
    outputs: Outputs = None,
    expires: Annotated[
        int | None, typer.Option(min=1, help="Days that an approval counts; default: for ever.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Look, listen and sign off in the browser."""
    from datetime import timedelta

    from proofbook.review.command import ReviewOptions
    from proofbook.review.command import review as serve

    lasting = timedelta(days=expires) if expires else None
    options = ReviewOptions(
        reviewer=reviewer, role=role, host=host, port=port, key=key, lasting=lasting,
        browser=browser,
    )  # fmt: skip
    raise typer.Exit(serve(_find(outputs, run), options))


@app.command()
def verify(
    run: RunName = "latest",
    allow_waivers: Annotated[
        bool, typer.Option("--allow-waivers", help="Exit with 0 where all that is open is waived.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
    outputs: Outputs = None,
) -> None:
    """Recompute everything: is it approved, by whom, and are these the bytes?"""
    from proofbook.review.command import print_verification

    folder = _find(outputs, run)
    raise typer.Exit(print_verification(folder, allow_waivers=allow_waivers, as_json=as_json))


@app.command()
def waive(
    run: Annotated[str, typer.Argument(help="A run's id, its folder, or latest.")],
    job: Annotated[str, typer.Argument(help="One of its jobs.")],
    what: Annotated[str, typer.Argument(help="A question, or check:NAME for a failed check.")],
    reason: Annotated[str, typer.Option(help="Why it may be released without.")],
    until: Annotated[str, typer.Option(help="When the waiver expires: 90d, or 2026-12-31.")],
    reviewer: Annotated[str, typer.Option(help="Who answers for it.")] = "",
    role: Annotated[str, typer.Option(help="As what.")] = "",
    key: KeyFile = None,
    outputs: Outputs = None,
) -> None:
    """Answer for a release without an approval; it reads as waived, and never as green."""
    from proofbook.review.command import ReviewOptions, parse_until
    from proofbook.review.command import waive as write
    from proofbook.signoff.acceptance import SubmittedAnswer

    options = ReviewOptions(reviewer=reviewer, role=role, key=key)
    waiver = SubmittedAnswer(
        job=job, question=what, verdict="waived", comment=reason, expires=parse_until(until)
    )
    raise typer.Exit(write(_find(outputs, run), options, waiver))


@signoff_app.command("import")
def signoff_import(
    file: Annotated[Path, typer.Argument(help="What a report exported.")],
    run: RunName = "latest",
    key: KeyFile = None,
    outputs: Outputs = None,
) -> None:
    """Take the answers of a report that was filled in as a file."""
    from proofbook.review.command import import_signoffs

    raise typer.Exit(import_signoffs(_find(outputs, run), file, key))


@signoff_app.command("export")
def signoff_export(
    run: RunName = "latest",
    target: Annotated[
        Path | None, typer.Option("--to", help="File; default: standard output.")
    ] = None,
    outputs: Outputs = None,
) -> None:
    """Write every answer as an in-toto Statement in a DSSE envelope, one a line."""
    from proofbook.review.command import export_signoffs

    export_signoffs(_find(outputs, run), target)


@baseline_app.command("list")
def baseline_list(outputs: Outputs = None) -> None:
    """List the last approved take of each piece of evidence."""
    from proofbook.project import find_project
    from proofbook.review.command import list_baselines

    raise typer.Exit(list_baselines(outputs or find_project(Path.cwd()).outputs, None))


@baseline_app.command("show")
def baseline_show(
    take: Annotated[str, typer.Argument(help="job/evidence, its name, or 12 digits of its hash.")],
    outputs: Outputs = None,
) -> None:
    """Show all that is known of one approved take."""
    from proofbook.project import find_project
    from proofbook.review.command import list_baselines

    raise typer.Exit(list_baselines(outputs or find_project(Path.cwd()).outputs, take))


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
    from proofbook.lab.launch import LabOptions, open_lab
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
    from proofbook.kernels.shared_forkserver import start_shared
    from proofbook.profiles import load_profile
    from proofbook.project import find_project

    settings, _ = load_profile(find_project(Path.cwd()), profile)
    typer.echo(start_shared(settings.warm, idle).words)


@warm_app.command("stop")
def warm_stop() -> None:
    """End it."""
    from proofbook.kernels.shared_forkserver import stop_shared

    typer.echo("stopped" if stop_shared() else "none was running")


@warm_app.command("status")
def warm_status() -> None:
    """Say whether one is running, and what it has imported."""
    from proofbook.kernels.shared_forkserver import shared_status

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


def _find(outputs: Path | None, run: str) -> RunFolder:
    from proofbook.project import find_project
    from proofbook.runs.finding import find_run

    return find_run(outputs or find_project(Path.cwd()).outputs, run)


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
