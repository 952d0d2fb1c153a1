"""What a run says when its cluster loses for good what it works with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import ray_cluster
from running import BEGIN, Runner, survivors
from simulation import job
from waiting import wait_for

from proofbook.resources import Resources
from proofbook.runner.capacity import Capacity
from proofbook.runner.executors.cluster import tasks
from proofbook.runner.executors.cluster.tasks import Tasks
from proofbook.runs.folder import RunFolder

Add = Callable[..., Path]
FINISH = "checks.expect('one', True)\nchecks.finish()"
WAIT = "import pathlib, time\npathlib.Path(flag).touch()\ntime.sleep(300)"
WAIT_ONCE = (
    f"import pathlib\nif not pathlib.Path(flag).exists():\n    {'; '.join(WAIT.splitlines())}"
)
IMPATIENT = (
    "from proofbook.runner.executors.cluster import tasks\n"
    "tasks.PATIENCE_SECONDS = tasks._LOOK_EVERY = 0.5\n"
    "from proofbook.cli.main import main\nmain()"
)


@pytest.fixture
def taken_back(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the tasks that Ray was told to cancel."""
    cancelled: list[Any] = []
    fake = SimpleNamespace(cancel=lambda task, **_: cancelled.append(task))
    monkeypatch.setitem(sys.modules, "ray", fake)  # type: ignore[arg-type]
    return cancelled


@pytest.mark.parametrize(
    ("gpus", "waited", "lost"),
    [(0, 61.0, True), (0, 59.0, False), (1, 61.0, False)],
)
def test_a_task_waits_a_minute_for_what_no_machine_has_any_more(
    gpus: int,
    waited: float,
    lost: bool,
    taken_back: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has = Capacity(slots=1, cpus=1, memory_gb=1, gpus=("0",) * gpus)
    now = [100.0]
    monkeypatch.setattr(tasks.time, "monotonic", lambda: now[0])
    sent = Tasks(lambda: has)
    planned = job("a").model_copy(update={"resources": Resources(gpus=1)})
    sent.add(planned, "task")
    sent.add(planned.model_copy(update={"id": "b"}), "records that it lacks one", may_strand=False)
    sent.look()
    now[0] += waited
    sent.look()
    sent.look()
    assert taken_back == ["task"] * lost
    assert sent.stranded("a") == ("needs 1 gpus, found 0" if lost else "")
    sent.add(planned, "again")
    assert sent.stranded("a") == ""
    sent.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, psutil.Process]]:
    with ray_cluster.with_gpu_node() as started:
        yield started


def _begin(
    runner: Runner,
    address: str,
    flag: Path,
    add_runbook: Add,
    add_profile: Add,
    gpus: int,
    wait: str = WAIT,
) -> subprocess.Popen[str]:
    """Start a run, and return when its job runs."""
    add_runbook("demo/one", BEGIN, wait, FINISH, parameters="flag: str = ''")
    add_profile(
        f"jobs:\n  - {{runbook: demo/one, id: one, resources: {{gpus: {gpus}}}, "
        f"parameters: {{flag: {flag}}}}}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, "run", "--executor", "ray", "--address", address],
        cwd=runner.project.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True, env={**os.environ, "RAY_gcs_rpc_server_reconnect_timeout_s": "5"},
    )  # fmt: skip
    wait_for(flag.exists)
    return process


def _raylets(program: psutil.Process) -> list[psutil.Process]:
    """Return the raylets of a cluster, that of the head first."""
    found = [each for each in program.children(recursive=True) if each.name() == "raylet"]
    return sorted(found, key=lambda each: each.create_time())


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_kernel_that_ends_with_what_its_machine_keeps_is_no_crash_of_the_job(
    cluster: tuple[str, psutil.Process],
    add_runbook: Add,
    add_profile: Add,
    runner: Runner,
    tmp_path: Path,
) -> None:
    address, program = cluster
    flag = tmp_path / "flag"
    process = _begin(runner, address, flag, add_runbook, add_profile, gpus=1, wait=WAIT_ONCE)
    (host,) = [
        each for each in _raylets(program)[-1].children(recursive=True)
        if any("ray::Host" in word for word in each.cmdline())
    ]  # fmt: skip
    host.kill()
    ended = runner.end(process)
    assert ended.code == 0, ended.output
    lost, last = ended.outcome("one")["attempts"]
    assert (lost["infrastructure"], last["status"]) == (True, "passed")
    assert "gone" in lost["cause"]


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_job_whose_machine_is_gone_for_good_does_not_wait_for_ever(
    cluster: tuple[str, psutil.Process],
    add_runbook: Add,
    add_profile: Add,
    runner: Runner,
    tmp_path: Path,
) -> None:
    address, program = cluster
    process = _begin(runner, address, tmp_path / "flag", add_runbook, add_profile, gpus=1)
    node = _raylets(program)[-1]
    for each in (*node.children(recursive=True), node):
        with suppress(psutil.NoSuchProcess):  # one may have ended by itself meanwhile
            each.kill()
    ended = runner.end(process)
    assert ended.code == 3, ended.output
    causes = [each["cause"] for each in ended.outcome("one")["attempts"]]
    assert len(causes) > 1, causes
    lost = "the cluster has no machine for it any more: needs 1 gpus, found 0"
    assert all(lost in cause for cause in causes[1:]), causes


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_run_that_ray_ends_with_its_cluster_does_not_say_that_a_check_failed(
    cluster: tuple[str, psutil.Process],
    add_runbook: Add,
    add_profile: Add,
    runner: Runner,
    tmp_path: Path,
) -> None:
    address, program = cluster
    process = _begin(runner, address, tmp_path / "flag", add_runbook, add_profile, gpus=0)
    (folder,) = runner.project.outputs.glob("*/run.json")
    for child in program.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if child.name() in ("gcs_server", "raylet"):
                child.kill()
    ended = runner.end(process)
    assert ended.code == 3, ended.output
    assert "as it does where a cluster's head is lost; the run is incomplete" in ended.output
    assert survivors(folder.parent.name) == []
    assert RunFolder(folder.parent).read_info().verdict == "incomplete"
