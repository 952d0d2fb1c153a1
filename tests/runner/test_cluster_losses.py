"""What a run says when its cluster loses for good what it works with."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from running import BEGIN, Runner, survivors
from simulation import job
from waiting import wait_for

from proofbook.resources import Resources
from proofbook.runner.capacity import Capacity
from proofbook.runner.executors.cluster import tasks
from proofbook.runner.executors.cluster.tasks import Tasks
from proofbook.runs.folder import RunFolder
from proofbook_bench.local_cluster import LocalCluster, open_cluster

Add = Callable[..., Path]
FINISH = "checks.finish()"
WAIT = "import pathlib, time\npathlib.Path(flag).touch()\ntime.sleep(300)"
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
def cluster() -> Iterator[LocalCluster]:
    with open_cluster(1, num_cpus=1, num_gpus=1) as opened:
        yield opened


@pytest.mark.slow
def test_a_job_whose_machine_is_gone_for_good_does_not_wait_for_ever(
    cluster: LocalCluster, add_runbook: Add, add_profile: Add, runner: Runner, tmp_path: Path
) -> None:
    process = _begin(cluster, add_runbook, add_profile, runner, tmp_path / "flag")
    cluster.kill_node(random.Random(0))
    ended = runner.end(process)
    assert ended.code == 3, ended.output
    causes = [each["cause"] for each in ended.outcome("one")["attempts"]]
    assert "its machine is gone" in causes[0]
    assert causes[1:]
    assert all("needs a machine with CPUs, found none" in cause for cause in causes[1:])


def _begin(
    cluster: LocalCluster, add_runbook: Add, add_profile: Add, runner: Runner, flag: Path
) -> subprocess.Popen[str]:
    """Start a run that asks for a GPU, and return when its job runs."""
    add_runbook("demo/one", BEGIN, WAIT, FINISH, parameters="flag: str = ''")
    add_profile(
        "jobs:\n  - {runbook: demo/one, id: one, resources: {gpus: 1}, "
        f"parameters: {{flag: {flag}}}}}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, "run", "--executor", "ray", "--address", cluster.address],
        cwd=runner.project.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    wait_for(flag.exists)
    return process


@pytest.mark.slow
def test_a_run_that_ray_ends_with_its_cluster_does_not_say_that_a_check_failed(
    cluster: LocalCluster, add_runbook: Add, add_profile: Add, runner: Runner, tmp_path: Path
) -> None:
    cluster.add_node()  # as the other test has killed one
    process = _begin(cluster, add_runbook, add_profile, runner, tmp_path / "flag")
    (folder,) = runner.project.outputs.glob("*/run.json")
    for child in psutil.Process().children(recursive=True):
        if "gcs_server" in child.name():
            child.kill()
    ended = runner.end(process)
    assert ended.code == 3, ended.output
    assert "as it does where a cluster's head is lost; the run is incomplete" in ended.output
    assert survivors(folder.parent.name) == []
    assert RunFolder(folder.parent).read_info().verdict == "incomplete"
