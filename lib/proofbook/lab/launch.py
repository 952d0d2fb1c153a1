"""``proofbook lab``: JupyterLab on a runbook, or on a job as it was executed, with warm kernels.

The executed notebook is the record and is never edited: a copy of it is opened, at the cell that
failed. The server belongs to the command, and so does a folder with its workspace, checkpoints
and temporary files: however the command ends, nothing of them stays. Knows nothing about how jobs
are executed.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import typer

from proofbook.errors import ProofbookError, RunFolderError, UsageError
from proofbook.lab.copies import make_copy
from proofbook.notebooks import list_runbooks, read_runbook
from proofbook.processes import Supervised, TemporaryFolder, remove_abandoned, supervise
from proofbook.profiles import list_profiles, load_profile, nearest
from proofbook.project import Project
from proofbook.records import Check, RunInfo
from proofbook.runs.finding import find_run
from proofbook.runs.folder import JobFolder, read_records

__all__ = ["LabOptions", "LabTarget", "lab_command", "lab_target", "open_lab"]

_EXTENSIONS = Path(__file__).parent / "labextension"
_START_SECONDS = 300.0
_END_SECONDS = 4.0
_STEP = 0.05
_SESSION = "proofbook-lab-"
_CLASSES = {
    "contents_manager_class": "proofbook.lab.contents.LabContents",
    "kernel_manager_class": "proofbook.lab.kernels.LabKernels",
}


@dataclass(frozen=True, kw_only=True)
class LabOptions:
    """What was asked for on the command line."""

    target: str | None = None
    job: str | None = None
    outputs: Path
    browser: bool = True
    port: int = 8888
    """0 takes any that is free."""


@dataclass(frozen=True, kw_only=True)
class LabTarget:
    """What JupyterLab opens, and what its kernels have imported."""

    notebook: Path | None = None
    cell: str = ""
    warm: tuple[str, ...] = ()


def open_lab(
    project: Project, options: LabOptions, *, show: Callable[[str], object] = webbrowser.open
) -> int:
    """Open JupyterLab and stay until it ends or is interrupted; return the exit code.

    Raises:
        ProofbookError: There is no such runbook, run or job, or the port is taken.
    """
    target = lab_target(project, options)
    options = replace(options, port=_free_port(options.port))
    remove_abandoned(_SESSION)
    with (
        contextlib.suppress(KeyboardInterrupt),
        TemporaryFolder(f"{_SESSION}{os.getpid()}-") as session,
        _warm(target.warm) as warm,
        _serving(
            lab_command(project, options, target, session.path), {**os.environ, **warm}
        ) as server,
    ):
        url = _wait_for(server, _default_url(project, target)) + _fragment(target)
        typer.echo(f"JupyterLab: {url}\nCtrl-C ends it, with its kernels.")
        if options.browser:
            show(url)
        server.wait()
        return server.exit_code or 0
    return 0


def lab_target(project: Project, options: LabOptions) -> LabTarget:
    """Find what is to be opened; for a job, make the copy that may be edited.

    Raises:
        ProofbookError: There is no such runbook, run or job.
    """
    if options.target is None:
        return LabTarget(warm=_warm_of_default(project))
    if options.job is None:
        return LabTarget(notebook=_runbook(project, options.target), warm=_warm_of_default(project))
    return _job(project, options.outputs, options.target, options.job)


def lab_command(
    project: Project, options: LabOptions, target: LabTarget, session: Path
) -> list[str]:
    """Return the command line of the server; ``session`` is an empty folder of its own."""
    folders = {name: session / name for name in ("checkpoints", "kernels", "workspaces")}
    for folder in folders.values():
        folder.mkdir()
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser"),
        f"--ServerApp.root_dir={project.root}",
        f"--ServerApp.port={options.port}",
        "--ServerApp.port_retries=0",
        *(f"--ServerApp.{trait}={name}" for trait, name in _CLASSES.items()),
        f"--LabCheckpoints.folder={folders['checkpoints']}",
        f"--LabKernels.temporary={folders['kernels']}",
        f"--LabApp.workspaces_dir={folders['workspaces']}",
        f"--LabApp.extra_labextensions_path={_EXTENSIONS}",
        f"--LabApp.default_url={_default_url(project, target)}",
        "--ServerApp.log_level=ERROR",
        "--LabApp.log_level=ERROR",
    ]
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*command, "--allow-root"] if is_root else command


def _runbook(project: Project, asked: str) -> Path:
    known = {
        path.relative_to(project.runbooks).with_suffix("").as_posix(): path
        for path in list_runbooks(project.runbooks)
    }
    name = asked.removeprefix("runbooks/").removesuffix(".ipynb")
    if name not in known:
        hint = nearest(name, known) or f"there are: {', '.join(known) or 'none'}"
        raise UsageError(f"no runbook {asked!r} in {project.runbooks}; {hint}")
    read_runbook(known[name])
    return known[name]


def _job(project: Project, outputs: Path, run_name: str, job: str) -> LabTarget:
    run = find_run(outputs, run_name)
    info = run.read_info()
    folder = run.job(job)
    planned = {each.id: each for each in info.plan}
    if job not in planned:
        hint = nearest(job, planned) or f"it has: {', '.join(planned)}"
        raise RunFolderError(f"run {info.run_id} has no job {job!r}; {hint}")
    if not folder.notebook.exists():
        raise RunFolderError(f"job {job!r} of run {info.run_id} was not executed; --resume it")
    if not folder.path.is_relative_to(project.root):
        raise UsageError(
            f"{folder.path} is outside of {project.root}, which JupyterLab is opened on"
        )
    copy = make_copy(project, run, info, planned[job], lambda line: typer.echo(line, err=True))
    return LabTarget(notebook=copy, cell=_failed_cell(folder), warm=_warm_of_profile(project, info))


def _failed_cell(folder: JobFolder) -> str:
    """Return the cell of the first check that failed, or of what ended the job."""
    outcome = folder.read_outcome()
    if outcome is None or outcome.failure is None:
        return ""
    if outcome.status == "failed":
        records, _ = read_records(folder.records)
        for record in records:
            if isinstance(record, Check) and record.status in ("failed", "error") and record.cell:
                return record.cell
    return outcome.failure.cell_id or ""


def _warm_of_profile(project: Project, info: RunInfo) -> tuple[str, ...]:
    """Return what this project imports for a run's profile; a received run imports nothing."""
    known = {path.stem: path for path in list_profiles(project)}
    if info.profile not in known:
        return _warm_of_default(project)
    allowed = load_profile(project, info.profile)[0].warm
    return tuple(name for name in info.warm if name in allowed)


def _warm_of_default(project: Project) -> tuple[str, ...]:
    path = project.parameters / "tiny.yaml"
    return load_profile(project, "tiny")[0].warm if path.exists() else ()


def _default_url(project: Project, target: LabTarget) -> str:
    if target.notebook is None:
        return "/lab"
    path = Path(os.path.relpath(target.notebook, project.root))
    return f"/lab/tree/{quote(path.as_posix())}"


def _fragment(target: LabTarget) -> str:
    return f"#cell-id={quote(target.cell)}" if target.cell else ""


def _free_port(port: int) -> int:
    """Return ``port`` if a server can have it; for 0, one that is free."""
    try:
        with socket.socket() as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    except OverflowError as error:
        raise UsageError(f"--port {port}: a port is a number from 0 to 65535") from error
    except OSError as error:
        what = (
            "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
        )
        raise UsageError(f"port {port} {what}; give another with --port, 0 takes any") from error


@contextlib.contextmanager
def _warm(preload: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Run a forkserver; yield the variables that make every Python kernel of a server use it."""
    from proofbook.errors import ForkserverError
    from proofbook.kernels.ownership import start_forkserver

    try:
        forkserver = start_forkserver(preload)
    except ForkserverError as error:
        typer.echo(f"kernels will be ordinary ones: {error}", err=True)
        yield {}
        return
    with forkserver:
        yield {
            "PROOFBOOK_FORKSERVER": str(forkserver.socket),
            "JUPYTER_DEFAULT_PROVISIONER_NAME": "proofbook-provisioner",
        }


@contextlib.contextmanager
def _serving(command: list[str], environment: Mapping[str, str]) -> Iterator[Supervised]:
    """Run a server; when the block ends it is asked to end, and killed if it does not."""
    server = supervise(command, log=None, name="JupyterLab", env=environment)
    try:
        yield server
    finally:
        server.stop(_END_SECONDS)


def _wait_for(server: Supervised, default_url: str) -> str:
    """Return what a browser opens, once the server listens."""
    from jupyter_core.paths import jupyter_runtime_dir

    file = Path(jupyter_runtime_dir()) / f"jpserver-{server.pid}.json"
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if not server.running:
            raise ProofbookError(f"JupyterLab {server.state}; what it printed is above")
        # The file may not be written yet, and it is before the server listens.
        with contextlib.suppress(OSError, json.JSONDecodeError):
            state = json.loads(file.read_bytes())
            socket.create_connection((state["hostname"], state["port"]), timeout=1).close()
            token = f"?token={state['token']}" if state["token"] else ""
            return str(state["url"]).rstrip("/") + default_url + token
        time.sleep(_STEP)
    raise ProofbookError(f"JupyterLab did not start in {_START_SECONDS:g} s")
