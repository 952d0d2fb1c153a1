"""``proofbook lab`` without a browser: what it opens, refuses, and leaves behind."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from waiting import HANG, WHOLE_SESSION, wait_for

from proofbook.errors import NotebookError, ProofbookError, RunFolderError, UsageError
from proofbook.files import append_line
from proofbook.kernels.status import describe
from proofbook.lab.launch import LabOptions, LabTarget, lab_command, lab_target, open_lab
from proofbook.notebooks import read_notebook
from proofbook.project import Project
from proofbook.records import Check, Failure, Outcome, OutcomeStatus, PlannedJob, RunInfo
from proofbook.runs.folder import JobFolder, RunFolder

PROFILE = "warm: [json]\njobs:\n  - runbook: demo/one\n"


@pytest.fixture(autouse=True)
def jupyter_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        monkeypatch.setenv(f"JUPYTER_{name}", str(tmp_path / "jupyter" / name.lower()))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


@pytest.fixture
def demo(project: Project, add_runbook: Callable[..., Path], add_profile: Any) -> Project:
    """A project with one runbook and a profile."""
    add_runbook("demo/one", "1 + 1")
    add_profile(PROFILE)
    return project


def finished_run(
    project: Project,
    cell: str | None = "cell-1",
    warm: tuple[str, ...] = (),
    profile: str = "tiny",
) -> JobFolder:
    """Make a run with the job ``one``, which failed at ``cell``, and ``two``, never executed."""
    run = RunFolder(project.outputs / "20260101-000000-tiny-abcd")
    folder = run.job("one")
    folder.path.mkdir(parents=True, exist_ok=True)
    jobs = tuple(PlannedJob(id=name, runbook="demo/one", timeout=1) for name in ("one", "two"))
    run.write_info(RunInfo(run_id=run.path.name, profile=profile, plan=jobs, warm=warm))
    folder.notebook.write_bytes(project.runbook("demo/one").read_bytes())
    failure = Failure(cell_id=cell, ename="ValueError", evalue="no")
    folder.write_outcome(
        Outcome(job="one", runbook="demo/one", status="error", failure=failure if cell else None)
    )
    return folder


def state(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def options(project: Project, target: str | None = None, job: str | None = None) -> LabOptions:
    return LabOptions(target=target, job=job, outputs=project.outputs, browser=False)


@pytest.mark.parametrize("name", ["demo/one", "runbooks/demo/one.ipynb", "demo/one.ipynb"])
def test_runbook_is_opened_itself(demo: Project, name: str) -> None:
    target = lab_target(demo, options(demo, name))
    assert target.notebook == demo.runbook("demo/one")
    assert (target.cell, target.warm) == ("", ("json",))


def test_without_a_target_the_launcher_is_opened_with_the_default_profiles_imports(
    demo: Project,
) -> None:
    assert lab_target(demo, options(demo)).notebook is None
    assert lab_target(demo, options(demo)).warm == ("json",)


def test_a_project_without_a_default_profile_opens_with_nothing_imported(project: Project) -> None:
    assert lab_target(project, options(project)).warm == ()


def test_job_is_opened_as_a_copy_at_its_failing_cell(demo: Project) -> None:
    folder = finished_run(demo)
    before = state(folder.path)
    target = lab_target(demo, options(demo, "latest", "one"))
    assert target.cell == "cell-1"
    assert target.notebook == demo.outputs / f"lab/{folder.path.parents[1].name}/one/debug.ipynb"
    cells = json.loads(folder.notebook.read_text())["cells"]
    assert read_notebook(target.notebook)["cells"] == cells
    assert state(folder.path) == before


def test_job_that_did_not_fail_is_opened_at_its_top(demo: Project) -> None:
    finished_run(demo, cell=None)
    assert lab_target(demo, options(demo, "latest", "one")).cell == ""


@pytest.mark.parametrize(
    ("status", "opened"), [("failed", "size"), ("error", "finish"), ("timed_out", "finish")]
)
def test_a_failed_check_is_opened_at_its_own_cell(
    demo: Project, status: OutcomeStatus, opened: str
) -> None:
    folder = finished_run(demo)
    for check in (
        Check(name="fine", status="passed", cell="fine"),
        Check(name="size", status="failed", cell="size"),
        Check(name="speed", status="error", cell="speed"),
    ):
        append_line(folder.records, check.model_dump_json())
    failure = Failure(cell_id="finish", ename="ChecksFailed", evalue="no")
    folder.write_outcome(Outcome(job="one", runbook="demo/one", status=status, failure=failure))
    assert lab_target(demo, options(demo, "latest", "one")).cell == opened


def test_a_run_says_what_is_imported_only_as_far_as_its_profile_does(
    demo: Project, add_profile: Any
) -> None:
    finished_run(demo, warm=("csv", "this"))
    assert lab_target(demo, options(demo, "latest", "one")).warm == ()
    add_profile(PROFILE.replace("json", "json, csv"))
    assert lab_target(demo, options(demo, "latest", "one")).warm == ("csv",)
    finished_run(demo, warm=("this",), profile="received")
    assert lab_target(demo, options(demo, "latest", "one")).warm == ("json", "csv")


def test_names_with_spaces_are_quoted_in_the_address(
    demo: Project, add_runbook: Callable[..., Path], tmp_path: Path
) -> None:
    add_runbook("demo/one and two", "1")
    target = lab_target(demo, options(demo, "demo/one and two"))
    command = lab_command(demo, options(demo), target, tmp_path)
    assert "--LabApp.default_url=/lab/tree/runbooks/demo/one%20and%20two.ipynb" in command


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (("demo/on", None), UsageError, "did you mean 'demo/one'"),
        (("latest", None), UsageError, "no runbook 'latest'"),
        (("gone", "one"), RunFolderError, "no run 'gone'"),
        (("latest", "on"), RunFolderError, "did you mean 'one'"),
        (("latest", "two"), RunFolderError, "was not executed"),
    ],
)
def test_unknown_names_are_refused(
    demo: Project, words: tuple[str, str | None], error: type[ProofbookError], message: str
) -> None:
    finished_run(demo)
    with pytest.raises(error, match=message):
        lab_target(demo, options(demo, *words))


def test_a_runbook_that_is_no_notebook_is_refused(demo: Project) -> None:
    demo.runbook("demo/one").write_text("nothing")
    with pytest.raises(NotebookError, match="not JSON"):
        lab_target(demo, options(demo, "demo/one"))


def test_a_run_outside_of_the_project_is_refused(demo: Project, tmp_path: Path) -> None:
    folder = finished_run(demo)
    elsewhere = tmp_path / "elsewhere"
    (folder.path.parents[1]).rename(elsewhere)
    with pytest.raises(UsageError, match="outside"):
        lab_target(demo, options(demo, str(elsewhere), "one"))


def test_a_port_in_use_is_refused_before_anything_starts(demo: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is in use"):
            open_lab(demo, LabOptions(outputs=demo.outputs, port=port))


def test_a_port_that_is_none_is_refused(demo: Project) -> None:
    with pytest.raises(UsageError, match="0 to 65535"):
        open_lab(demo, LabOptions(outputs=demo.outputs, port=70000))


BAD_USAGE = {
    "unknown runbook": ["demo/gone"],
    "unknown run": ["gone", "one"],
    "unknown job": ["latest", "gone"],
    "port in use": ["demo/one", "--port", "{port}"],
}


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("words", BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_is_one_line_and_exit_code_2(demo: Project, words: list[str]) -> None:
    finished_run(demo)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        given = [word.format(port=taken.getsockname()[1]) for word in words]
        command = [sys.executable, "-m", "proofbook", "lab", *given, "--no-browser"]
        done = subprocess.run(
            command, cwd=demo.root, capture_output=True, text=True, timeout=HANG, check=False
        )
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("proofbook: ")


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), HANG):
        return True
    return False


@contextlib.contextmanager
def running_lab(project: Project, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``proofbook lab``; yield the process and the address that it prints."""
    command = [sys.executable, "-m", "proofbook", "lab", *words, "--no-browser", "--port", "0"]
    process = subprocess.Popen(command, cwd=project.root, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = next(line for line in process.stdout if line.startswith("JupyterLab: "))
        yield process, line.removeprefix("JupyterLab: ").strip()
    finally:
        process.kill()
        process.wait()


def start_kernels_and_terminal(url: str) -> None:
    """Start a kernel of each kind of kernelspec, and a shell with a child that left its session."""
    address = httpx.URL(url)
    headers = {"Authorization": f"token {address.params['token']}"}
    with httpx.Client(base_url=url.split("/lab")[0], headers=headers, timeout=HANG) as client:
        for name in ("python3", "proofbook"):
            client.post("/api/kernels", json={"name": name}).raise_for_status()
        client.post("/api/terminals").raise_for_status()


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_command(demo: Project, signum: signal.Signals) -> None:
    with running_lab(demo, "demo/one") as (process, url):
        start_kernels_and_terminal(url)
        family = psutil.Process(process.pid).children(recursive=True)
        assert list(Path(tempfile.gettempdir()).glob(f"proofbook-lab-{process.pid}-*"))
        words = next(w for p in family if "proofbook.kernels.forkserver" in (w := p.cmdline()))
        address = Path(words[words.index("--socket") + 1])
        assert describe(address, HANG).kernels == 2, "both are warm"
        process.send_signal(signum)
        code = process.wait(HANG)
        _, alive = psutil.wait_procs(family, timeout=HANG)
    assert alive == []
    mine = f"proofbook-lab-{process.pid}-*"
    wait_for(lambda: not list(Path(tempfile.gettempdir()).glob(mine)))
    assert code == (0 if signum == signal.SIGINT else -signum)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_the_servers_own_end_ends_the_command(demo: Project) -> None:
    with running_lab(demo) as (process, url):
        family = psutil.Process(process.pid).children(recursive=True)
        token = httpx.URL(url).params["token"]
        headers = {"Authorization": f"token {token}"}
        httpx.post(url.split("/lab")[0] + "/api/shutdown", headers=headers, timeout=HANG)
        assert process.wait(HANG) == 0
        _, alive = psutil.wait_procs(family, timeout=HANG)
    assert alive == []


@pytest.mark.exhaustive
@pytest.mark.slow
def test_plain_jupyterlab_takes_warm_kernels_from_the_shared_forkserver(
    demo: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from proofbook.kernels.shared_forkserver import shared_status, start_shared, stop_shared

    sockets = Path(tempfile.mkdtemp(prefix="pb-test-", dir="/tmp"))  # their paths must be short
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(sockets))
    monkeypatch.setenv("JUPYTER_TOKEN", "open")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = lab_command(demo, LabOptions(outputs=demo.outputs, port=port), LabTarget(), tmp_path)
    start_shared(["json"], idle=WHOLE_SESSION)
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: server.poll() is not None or listens(port))
        with httpx.Client(timeout=HANG) as client:
            answer = client.post(
                f"http://127.0.0.1:{port}/api/kernels",
                json={"name": "proofbook"},
                headers={"Authorization": "token open"},
            )
        assert answer.status_code == 201
        status = shared_status(HANG)
        assert status is not None
        assert status.kernels == 1
    finally:
        server.terminate()
        server.wait(HANG)
        stop_shared()
        shutil.rmtree(sockets)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_server_that_cannot_start_is_one_line(
    demo: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(demo.root))
    (demo.root / "jupyter_lab_config.py").write_text("raise SystemExit(5)\n")
    with pytest.raises(ProofbookError, match="JupyterLab exited with code 5"):
        open_lab(demo, LabOptions(outputs=demo.outputs, browser=False, port=0))


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_browser_is_shown_the_address_at_the_failing_cell(demo: Project) -> None:
    finished_run(demo)
    shown: list[str] = []

    def show(url: str) -> None:
        shown.append(url)
        os.kill(os.getpid(), signal.SIGINT)

    given = LabOptions(target="latest", job="one", outputs=demo.outputs, port=0)
    assert open_lab(demo, given, show=show) == 0
    assert shown[0].endswith("#cell-id=cell-1")
    assert "/one/debug.ipynb?token=" in shown[0]


@pytest.mark.exhaustive
@pytest.mark.slow
def test_without_warm_kernels_it_opens_all_the_same(
    demo: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:

    monkeypatch.setattr("proofbook.processes.tree.SUPPORTED", False)

    def show(url: str) -> None:
        assert httpx.get(url, follow_redirects=True, timeout=HANG).status_code == 200
        os.kill(os.getpid(), signal.SIGINT)

    assert open_lab(demo, LabOptions(outputs=demo.outputs, port=0), show=show) == 0
    assert "ordinary" in capsys.readouterr().err
