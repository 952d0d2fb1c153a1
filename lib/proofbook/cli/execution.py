"""``proofbook run`` and ``warm``: execute runbooks, and keep their imports ready."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import typer

from proofbook.cli.application import app, warm_app
from proofbook.cli.options import (
    AllowedSkips,
    ClusterAddress,
    ExecutorName,
    Outputs,
    ParameterValues,
    ProfileName,
    StoreAddress,
)
from proofbook.errors import ProofbookError, UsageError
from proofbook.runner.executors.kinds import Choice

__all__ = ["run", "warm_start", "warm_status", "warm_stop"]


@app.command()
def run(
    runbooks: Annotated[
        list[str] | None,
        typer.Argument(help="Runbooks or job ids; default: the whole profile."),
    ] = None,
    profile: ProfileName = None,
    parameter: ParameterValues = None,
    allow_skips: AllowedSkips = None,
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
    executor: ExecutorName = "local",
    address: ClusterAddress = "",
    store: StoreAddress = "",
    suggest: Annotated[
        bool,
        typer.Option("--suggest", help="Print a profile proposed for the subject; run nothing."),
    ] = False,
) -> None:
    """Execute runbooks and write one report."""
    if suggest:
        _suggest(runbooks or [], profile, parameter or [])
        raise typer.Exit
    if executor == "ray":
        _go_on_monitored()
    from proofbook.runner.command import RunOptions, run_command

    options = RunOptions(
        runbooks=tuple(runbooks or ()),
        profile=profile,
        overrides=_overrides(parameter or []),
        allow_skips=tuple(allow_skips or ()),
        slots=jobs,
        resume=resume,
        rerun=_rerun(rerun),
        outputs=outputs,
        cold=cold,
        executor=Choice(executor, address, store),
    )
    raise typer.Exit(run_command(options))


@warm_app.command("start")
def warm_start(
    profile: ProfileName = None,
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


def _overrides(texts: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for text, (name, equals, _) in zip(texts, pairs, strict=True):
        if not name or not equals:
            raise UsageError(f"-p {text}: write it as name=value")
    for name, count in Counter(name for name, _, _ in pairs).items():
        if count > 1:
            raise UsageError(f"-p {name}: given {count} times; give it once")
    return {name: value for name, _, value in pairs}


def _suggest(runbooks: list[str], profile: str | None, parameters: list[str]) -> None:
    from proofbook.runner.suggesting import suggest_profile
    from proofbook.terminal import say

    say(suggest_profile(tuple(runbooks), profile, _overrides(parameters)))


def _go_on_monitored() -> None:
    from proofbook.processes.monitored import go_on_monitored

    go_on_monitored(_cut_off)


def _cut_off(code: int) -> int:
    from proofbook.terminal import say

    say(
        f"proofbook: Ray ended this process with exit code {code}, as it does where a cluster's "
        "head is lost; the run is incomplete. Once there is a cluster again, proofbook run "
        "--resume latest --executor ray goes on with it",
        err=True,
    )
    return ProofbookError.exit_code


def _rerun(text: str | None) -> Literal["failed", "all"] | None:
    if text is None or text == "failed" or text == "all":
        return text  # type: ignore[return-value]
    raise UsageError(f"--rerun {text}: give failed or all")
