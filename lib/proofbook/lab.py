"""``proofbook lab``: JupyterLab on a runbook, or on a job as it was executed, with warm kernels.

The executed notebook is the record and is never edited: a copy beside it is opened, at the cell
that failed, trusted so that its players play. Knows nothing about how jobs are executed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from proofbook.errors import RunFolderError, UsageError
from proofbook.notebooks import read_runbook
from proofbook.profiles import load_profile
from proofbook.project import Project
from proofbook.runner.resume import find_run
from proofbook.storage import JobFolder, atomic_write

__all__ = ["LabOptions", "lab_command", "lab_target", "open_lab"]


@dataclass(frozen=True, kw_only=True)
class LabOptions:
    """What was asked for on the command line."""

    target: str | None = None
    job: str | None = None
    outputs: Path
    browser: bool = True
    port: int = 8888


@dataclass(frozen=True, kw_only=True)
class LabTarget:
    """What JupyterLab opens, and what its kernels have imported."""

    notebook: Path | None = None
    cell: str = ""
    warm: tuple[str, ...] = ()


def open_lab(project: Project, options: LabOptions) -> int:
    """Open JupyterLab and stay until it ends; return its exit code.

    Raises:
        ProofbookError: There is no such runbook, run or job.
    """
    from proofbook.kernels.ownership import start_template

    target = lab_target(project, options)
    with start_template(target.warm) as template:
        environment = {
            **os.environ,
            "PROOFBOOK_TEMPLATE": str(template.socket),
            # Every Python kernel of this server is warm, whichever kernelspec a notebook names.
            "JUPYTER_DEFAULT_PROVISIONER_NAME": "proofbook-provisioner",
        }
        return subprocess.call(lab_command(project, options, target), env=environment)


def lab_target(project: Project, options: LabOptions) -> LabTarget:
    """Find what is to be opened; for a job, make the copy that may be edited.

    Raises:
        ProofbookError: There is no such runbook, run or job.
    """
    if options.target is None:
        return LabTarget(warm=_warm_of_default(project))
    if options.job is None:
        name = options.target.removeprefix("runbooks/").removesuffix(".ipynb")
        path = project.runbook(name)
        read_runbook(path)
        return LabTarget(notebook=path, warm=_warm_of_default(project))
    run = find_run(options.outputs, options.target)
    info = run.read_info()
    folder = run.job(options.job)
    if not folder.notebook.exists():
        known = ", ".join(job.id for job in info.plan)
        raise RunFolderError(f"run {info.run_id} executed no job {options.job!r}; it has: {known}")
    outcome = folder.read_outcome()
    failure = outcome.failure if outcome else None
    cell = (failure.cell_id or "") if failure else ""
    return LabTarget(notebook=_editable_copy(folder), cell=cell, warm=info.warm)


def lab_command(project: Project, options: LabOptions, target: LabTarget) -> list[str]:
    """Return the command line of the server."""
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={project.root}",
        f"--ServerApp.port={options.port}",
    ]
    if os.geteuid() == 0 if hasattr(os, "geteuid") else False:
        command.append("--allow-root")
    if not options.browser:
        command.append("--no-browser")
    if target.notebook is not None:
        command.append(f"--LabApp.default_url={_url(project, target)}")
    return command


def _url(project: Project, target: LabTarget) -> str:
    assert target.notebook is not None
    path = target.notebook.resolve()
    if not path.is_relative_to(project.root):
        raise UsageError(f"{path} lies outside of the project {project.root}; open it from there")
    fragment = f"#cell-id={target.cell}" if target.cell else ""
    return f"/lab/tree/{quote(path.relative_to(project.root).as_posix())}{fragment}"


def _editable_copy(folder: JobFolder) -> Path:
    """Return ``debug.ipynb`` beside the record; one that is there already is kept as it is."""
    copy = folder.path / "debug.ipynb"
    if not copy.exists():
        notebook = json.loads(folder.notebook.read_bytes())
        notebook["metadata"]["kernelspec"] = {
            "name": "proofbook",
            "display_name": "Proofbook (warm)",
            "language": "python",
        }
        atomic_write(copy, json.dumps(notebook, indent=1, ensure_ascii=False))
        _trust(copy)
    return copy


def _trust(path: Path) -> None:
    import nbformat
    from nbformat.sign import NotebookNotary

    NotebookNotary().sign(nbformat.read(path, as_version=4))


def _warm_of_default(project: Project) -> tuple[str, ...]:
    path = project.parameters / "tiny.yaml"
    return load_profile(project, "tiny")[0].warm if path.exists() else ()
