"""A run on a cluster whose machines share no disk, started as people start one: ``ray start``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import BEGIN, Ended, Runner, survivors
from two_machines import MEMORY, Machine, start_ray, two_machines
from waiting import wait_for

from proofbook.project import Project

pytestmark = pytest.mark.slow

Add = Callable[..., Path]
WHERE = (
    "import socket\nfrom pathlib import Path\n"
    "checks.expect('machine', socket.gethostname(), machine)\n"
    "checks.expect('disk', Path(there).exists(), machine == 'first')\n"
)
MAKE = (
    "import helper\nfrom proofbook.media import text\nPath('model').mkdir()\n"
    "Path('model/w').write_text(helper.WEIGHTS)\nchecks.output('model', Path('model'))\n"
    "checks.show(text('seen there'))\nprint('told there')"
)
USE = "checks.expect('w', Path(model, 'w').read_text(), 'abc')"
FINISH = "checks.finish()"
PROFILE = """
jobs:
  - {{runbook: demo/make, id: make, parameters: {{machine: second, there: {there}}},
     resources: {{cpus: 2}}}}
  - {{runbook: demo/use, id: use, parameters: {{machine: first, there: {there},
     model: "${{{{ jobs.make.outputs.model }}}}"}}, resources: {{memory_gb: 2}}}}
"""


@pytest.fixture(scope="module")
def machines() -> Iterator[tuple[Machine, Machine]]:
    with two_machines() as both:
        yield both


def start(machine: Machine, project: Project, *arguments: str) -> subprocess.Popen[str]:
    """Start ``proofbook run`` on a machine."""
    command = (sys.executable, "-m", "proofbook", "run", *arguments)
    return subprocess.Popen(
        machine.command("env", f"--chdir={project.root}", *command),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


@pytest.mark.exhaustive
def test_a_run_uses_machines_that_share_no_disk(
    machines: tuple[Machine, Machine], project: Project, add_runbook: Add, add_profile: Add
) -> None:
    first, second = machines
    about = "machine: str = ''\nthere: str = ''"
    path = add_runbook("demo/make", BEGIN, WHERE, MAKE, FINISH, parameters=about)
    path.with_name("helper.py").write_text("WEIGHTS = 'abc'")
    parameters = f"{about}\nmodel: str = ''"
    add_runbook("demo/use", BEGIN, WHERE, USE, FINISH, parameters=parameters)
    add_profile(PROFILE.format(there=project.root))
    how = ("--executor", "ray", "--address", start_ray(first, second))
    ended: Ended = Runner(project).end(start(first, project, *how))
    assert ended.code == 0, ended.output
    names = [ended.outcome(job)["node"]["name"].split()[0] for job in ("make", "use")]
    assert names == ["second", "first"]
    assert (ended.folder / "jobs/make/work/model/w").read_text() == "abc"
    assert "told there" in (ended.folder / "jobs/make/output.log").read_text()
    assert [p.read_text() for p in (ended.folder / "media").iterdir()] == ["seen there"]
    assert survivors(ended.folder.name) == []
    places = (tempfile.gettempdir(), f"{MEMORY}/proofbook")
    wait_for(lambda: not second.run("find", *places, "-mindepth", "1"))
