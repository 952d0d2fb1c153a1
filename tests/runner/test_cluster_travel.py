"""Files that travel to a machine which does not use the run's folder: whole, or not at all."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import ray_cluster
from running import BEGIN, Runner, survivors
from waiting import wait_for

from proofbook.project import Project
from proofbook.runner.executors.cluster.exchange import DIRECT
from proofbook.runner.executors.landing import SHARED_DISK

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

Add = Callable[..., Path]
SIZE = 300_000_000
"""More than the object store of the cluster holds."""
MAKE = (
    "from pathlib import Path\nPath('model').mkdir()\n"
    f"with Path('model/w').open('wb') as file:\n    file.truncate({SIZE} - 3)\n"
    "    file.seek(0, 2)\n    file.write(b'end')\n"
    "checks.output('model', Path('model'))"
)
USE = (
    "import os\nfrom pathlib import Path\nw = Path(model, 'w')\n"
    f"checks.expect('size', w.stat().st_size, {SIZE})\n"
    "checks.expect('end', w.read_bytes()[-3:], b'end')\n"
    "checks.output('place', model)"
)
FINISH = "checks.expect('one', True)\nchecks.finish()"


@pytest.fixture
def handing_on(add_runbook: Add, add_profile: Add) -> None:
    add_runbook("demo/make", BEGIN, MAKE, FINISH)
    add_runbook("demo/use", BEGIN, USE, FINISH, parameters='model: str = ""')
    add_profile(ray_cluster.HANDING_ON)


def arriving() -> list[Path]:
    """Return what machines have received a part of."""
    return list(Path(tempfile.gettempdir()).glob("proofbook-node-*/received/tmp*/model/w"))


@pytest.mark.parametrize(("shared", "direct"), [("on", "on"), ("off", "on"), ("off", "off")])
def test_an_output_larger_than_the_object_store_arrives(
    shared: str, direct: str, handing_on: None, on_cluster: tuple[str, ...], project: Project
) -> None:
    ended = Runner(project, {SHARED_DISK: shared, DIRECT: direct}).run(*on_cluster)
    assert ended.code == 0, ended.output
    place = str(ended.folder / "jobs" / "make" / "work" / "model")
    assert ended.outcome("use")["resolved"]["model"] == place  # wherever it was read
    assert place in (ended.folder / "jobs" / "use" / "records.jsonl").read_text()
    assert Path(place, "w").stat().st_size == SIZE
    assert not list(ended.folder.glob(".brought-*"))


def test_a_run_cancelled_while_files_travel_leaves_no_half_of_them(
    handing_on: None, on_cluster: tuple[str, ...], project: Project
) -> None:
    runner = Runner(project, {SHARED_DISK: "off"})
    process = runner.start(*on_cluster)
    wait_for(arriving)
    (half,) = arriving()
    process.send_signal(signal.SIGINT)
    ended = runner.end(process)
    assert ended.outcome("make")["status"] == "passed", ended.output
    assert ended.outcome("use")["status"] == "cancelled"
    assert not half.exists()
    assert not list(ended.folder.glob(".brought-*"))
    assert survivors(ended.folder.name) == []
    wait_for(lambda: not half.parents[3].exists())  # nor what its machine kept for the run
