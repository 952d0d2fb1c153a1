"""``proofbook init``, ``list``, ``runs`` and ``runs merge``: what a project has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from proofbook.cli.application import app, runs_app
from proofbook.cli.options import Outputs, ProfileName, SignersFile, find_outputs
from proofbook.terminal import say

__all__ = ["init", "list_command", "runs", "runs_merge"]


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where; made if need be.")] = Path(),
    systems: Annotated[
        str,
        typer.Option("--with", help="Systems whose runbooks are copied, as musicgen,training."),
    ] = "",
) -> None:
    """Make a project of your own with a first runbook, or add shipped runbooks to yours."""
    from proofbook.extras import missing_packages
    from proofbook.scaffold.creation import create_project

    names = [name.strip() for name in systems.split(",") if name.strip()]
    created = create_project(folder, names)
    for path in created.files:
        typer.echo(f"  {path.as_posix()}")
    if lacking := [extra for extra in created.extras if missing_packages(extra)]:
        typer.echo(f"next: pip install 'proofbook[{','.join(lacking)}]'")
    enter = "" if folder == Path() else f"cd {folder} && "
    has_profile = any(path.name == "tiny.yaml" for path in created.files)
    runbooks = [
        f"{path.parent.name}/{path.stem}" for path in created.files if path.suffix == ".ipynb"
    ]
    asked = [runbook for runbook in runbooks if runbook.split("/")[0] in names]
    typer.echo(f"next: {enter}proofbook run{'' if has_profile else f' {asked[0]}'}")


@app.command("list")
def list_command(profile: ProfileName = None) -> None:
    """Show runbooks with their parameters, and profiles with their jobs."""
    from proofbook.project import find_project
    from proofbook.runner.listing import print_listing

    print_listing(find_project(Path.cwd()), profile)


@runs_app.callback()
def runs(
    context: typer.Context,
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=1, help="How many of the newest.")
    ] = 20,
    outputs: Outputs = None,
) -> None:
    """List the runs with their verdicts, newest first; or merge those of other machines."""
    if context.invoked_subcommand is not None:
        return
    from proofbook.report.listing import print_runs

    print_runs(find_outputs(outputs), limit)


@runs_app.command("merge")
def runs_merge(
    sources: Annotated[
        list[Path], typer.Argument(metavar="FROM…", help="Runs, or folders of runs.")
    ],
    into: Annotated[
        Path | None, typer.Option("--into", help="Folder of the runs; default: outputs/.")
    ] = None,
    signers: SignersFile = None,
) -> None:
    """Take in the runs of other machines, and what people have answered there.

    Nothing here is overwritten. What disagrees, or is not as it was when its run ended, is said,
    and ends in exit code 1.
    """
    from proofbook.merging.merge import describe, merge_runs
    from proofbook.signoff.trust import find_trust

    trust = find_trust(signers=signers, received=sources)
    merged = merge_runs(sources, find_outputs(into), trust)
    for line, is_problem in describe(merged):
        say(line, err=is_problem)
    raise typer.Exit(merged.exit_code)
