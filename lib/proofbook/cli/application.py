"""The command and its groups, to which the other modules add their commands."""

from __future__ import annotations

from typing import Annotated

import typer

from proofbook import __version__

__all__ = ["app", "baseline_app", "runs_app", "signoff_app", "warm_app"]

app = typer.Typer(
    name="proofbook",
    help="Executable Jupyter runbooks for people who ship generative models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
warm_app = typer.Typer(
    help="A process that outlives a command, from which papermill, JupyterLab and the next run "
    "fork warm kernels.",
    no_args_is_help=True,
)
signoff_app = typer.Typer(help="The answers of people, as files.", no_args_is_help=True)
baseline_app = typer.Typer(help="The last approved takes.", no_args_is_help=True)
runs_app = typer.Typer(
    help="List the runs with their verdicts, newest first; or merge those of other machines.",
    invoke_without_command=True,
)

app.add_typer(runs_app, name="runs")
app.add_typer(warm_app, name="warm")
app.add_typer(signoff_app, name="signoff")
app.add_typer(baseline_app, name="baseline")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"proofbook {__version__}")
        raise typer.Exit


@app.callback()
def proofbook(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    """Executable Jupyter runbooks for people who ship generative models."""
