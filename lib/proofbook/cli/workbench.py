"""``proofbook lab``: JupyterLab on a runbook, or on a job as it was executed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proofbook.cli.application import app
from proofbook.cli.options import Outputs
from proofbook.errors import RunFolderError

if TYPE_CHECKING:
    from proofbook.project import Project

__all__ = ["lab"]


@app.command()
def lab(
    runbook_or_run: Annotated[
        str | None,
        typer.Argument(help="A runbook, a job of the latest run, or a run followed by a job."),
    ] = None,
    job: Annotated[str | None, typer.Argument(help="A job of that run.")] = None,
    outputs: Outputs = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
    port: Annotated[int, typer.Option(help="Port of the server; 0 takes any that is free.")] = 0,
) -> None:
    """Open JupyterLab on a runbook, or on a job as it was executed, with warm kernels."""
    from proofbook.extras import refuse_missing_extra
    from proofbook.lab.launch import LabOptions, open_lab
    from proofbook.project import find_project

    refuse_missing_extra("proofbook lab", "lab")
    project = find_project(Path.cwd())
    outputs = outputs or project.outputs
    if runbook_or_run and not job and _is_job_of_latest(project, outputs, runbook_or_run):
        runbook_or_run, job = "latest", runbook_or_run
    options = LabOptions(
        target=runbook_or_run, job=job, outputs=outputs, browser=browser, port=port
    )
    raise typer.Exit(open_lab(project, options))


def _is_job_of_latest(project: Project, outputs: Path, name: str) -> bool:
    """Say whether ``name`` is no runbook, but a job of the latest run."""
    from proofbook.runs.finding import find_run

    if project.runbook(name.removeprefix("runbooks/").removesuffix(".ipynb")).is_file():
        return False
    try:
        return name in [each.id for each in find_run(outputs, "latest").read_info().plan]
    except RunFolderError:
        return False
