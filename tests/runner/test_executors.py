"""What every executor must do: one suite for all of them.

A new executor joins by a line in ``EXECUTORS``.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import ray_cluster
from running import BEGIN, survivors
from simulation import job
from toy_executor import ToyExecutor

from proofbook.notebooks import read_runbook
from proofbook.records import Outcome, Output, PlannedJob, RunInfo
from proofbook.resources import Resources
from proofbook.runner.capacity import Allocation, Capacity
from proofbook.runner.events import CellStarted, Event, JobStarted, Sink
from proofbook.runner.executors.cluster.connection import connect
from proofbook.runner.executors.cluster.executor import open_ray
from proofbook.runner.executors.local import open_local
from proofbook.runner.executors.protocol import Executor, JobResult, JobSpec
from proofbook.runner.handover import Handover
from proofbook.runner.outcomes import OutcomeWriter
from proofbook.runner.reserve import Reserve
from proofbook.runner.resolution import output_problem
from proofbook.runner.schedule import Start
from proofbook.runs.folder import JobFolder, RunFolder, read_records

pytestmark = pytest.mark.slow

CAPACITY = Capacity(slots=2, cpus=2, memory_gb=8, gpus=("7",))
PASS = "checks.expect('one', True)\nchecks.finish()"
SLEEP = "print('asleep', flush=True); import time; time.sleep(300)"

Open = Callable[[Handover, Sink, Path], AbstractContextManager[Executor]]


def open_toy(handover: Handover, sink: Sink, scratch: Path) -> AbstractContextManager[Executor]:
    run = handover.writer.run.path
    return closing(ToyExecutor(run, scratch, handover.capacity, sink))


def open_here(handover: Handover, sink: Sink, scratch: Path) -> AbstractContextManager[Executor]:
    return open_local(handover.info, handover.writer, handover.capacity, sink, cold=False)


@contextlib.contextmanager
def open_cluster(handover: Handover, sink: Sink, scratch: Path) -> Iterator[Executor]:
    connect(ray_cluster.address())
    with open_ray(handover.info, handover.writer, handover.capacity, sink, cold=False) as executor:
        yield executor


EXECUTORS: dict[str, Open] = {"local": open_here, "toy": open_toy, "ray": open_cluster}


@dataclass
class Place:
    """A run whose jobs go through one kind of executor."""

    executor: Executor
    handover: Handover
    events: queue.Queue[Event]

    def spec(self, planned: PlannedJob, **changes: Any) -> JobSpec:
        request = CAPACITY.request(planned.resources)
        gpus = CAPACITY.gpus if planned.resources.gpus else ()
        return replace(self.handover.spec(Start(planned, Allocation(request, gpus))), **changes)

    def submit(self, planned: PlannedJob, **changes: Any) -> tuple[JobSpec, Future[JobResult]]:
        spec = self.spec(planned, **changes)
        return spec, self.executor.submit(spec)

    def outcome(self, planned: PlannedJob, **changes: Any) -> Outcome:
        """Execute one attempt, and take it into the run folder."""
        spec, future = self.submit(planned, **changes)
        future.exception(timeout=100)
        return self.handover.accept(spec, future)

    def folder(self, planned: PlannedJob) -> JobFolder:
        return self.handover.writer.run.job(planned.id)

    def wait_for_cell(self, number: int) -> None:
        while not (isinstance(event := self.events.get(timeout=100), CellStarted)):
            continue
        if event.index < number:
            self.wait_for_cell(number)


@pytest.fixture(params=EXECUTORS)
def place(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    forkserver: dict[str, str],
    add_runbook: Callable[..., Path],
) -> Iterator[Callable[..., Place]]:
    """Return a function that opens the executor for a runbook of these cells."""
    with contextlib.ExitStack() as stack:

        def make(*cells: str, run_id: str = "r1", parameters: str = "x: int = 1") -> Place:
            run = RunFolder(tmp_path / "run")
            run.media.mkdir(parents=True)
            reserve = stack.enter_context(Reserve(run.path))
            path = add_runbook("demo/one", BEGIN, *cells, parameters=parameters)
            handover = Handover(
                info=RunInfo(run_id=run_id, profile="tiny", plan=()),
                writer=OutcomeWriter(run=run, reserve=reserve),
                runbooks={"demo/one": read_runbook(path)},
                capacity=CAPACITY,
            )
            events: queue.Queue[Event] = queue.Queue()
            opened = EXECUTORS[request.param](handover, events.put, tmp_path)
            return Place(stack.enter_context(opened), handover, events)

        yield make


MakePlace = Callable[..., Place]
ONE = job("a").model_copy(update={"timeout": 100.0})


@pytest.mark.exhaustive
def test_a_job_that_passes_leaves_its_files_and_told_of_each_cell(place: MakePlace) -> None:
    here = place(
        "from proofbook.media import text\nshown = checks.show(text('hello'))\n"
        "checks.expect('x', x, 5)\nopen('made', 'w').write('kept')\nprint('printed')",
        PASS,
    )
    outcome = here.outcome(ONE.model_copy(update={"parameters": {"x": 5}}))
    assert (outcome.status, outcome.cause) == ("passed", "")
    folder = here.folder(ONE)
    assert folder.read_outcome() == outcome
    assert "injected-parameters" in folder.notebook.read_text()
    assert str(here.handover.runbooks["demo/one"].path) in folder.notebook.read_text()
    assert "printed" in folder.log.read_text()
    assert (folder.work / "made").read_text() == "kept"
    (media,) = here.handover.writer.run.media.iterdir()
    assert media.read_text() == "hello"
    events = [here.events.get_nowait() for _ in range(here.events.qsize())]
    told = [event for event in events if isinstance(event, JobStarted | CellStarted)]
    assert told[0] == JobStarted(job="a", attempt=1)
    cells = [(event.attempt, event.index) for event in told if isinstance(event, CellStarted)]
    assert cells == [(1, index) for index in range(len(outcome.cells))]


@pytest.mark.exhaustive
def test_a_failed_check_is_a_failure_with_its_name(place: MakePlace) -> None:
    outcome = place("checks.expect('loud', False)", "checks.finish()").outcome(ONE)
    assert outcome.status == "failed"
    assert "loud" in outcome.cause


@pytest.mark.exhaustive
def test_a_dead_kernel_has_crashed_and_the_next_attempt_goes_on_from_it(place: MakePlace) -> None:
    here = place("import os; os._exit(x)", PASS)
    first = here.outcome(ONE.model_copy(update={"parameters": {"x": 7}}))
    assert (first.status, [a.number for a in first.attempts]) == ("crashed", [1])
    assert "exited with code 7" in first.cause
    second = here.outcome(ONE, earlier=first.attempts)
    assert [(a.number, a.status) for a in second.attempts] == [(1, "crashed"), (2, "crashed")]
    assert second.started == first.started
    assert (here.folder(ONE).path / "attempts" / "1" / "outcome.json").exists()
    told = [here.events.get_nowait() for _ in range(here.events.qsize())]
    assert [e.attempt for e in told if isinstance(e, JobStarted)] == [1, 2]


@pytest.mark.exhaustive
def test_cancel_ends_what_runs_and_what_was_only_submitted(place: MakePlace) -> None:
    here = place(SLEEP, PASS, run_id="cancelled-run")
    running = here.submit(ONE)
    here.wait_for_cell(2)
    here.executor.cancel()
    late = here.submit(ONE.model_copy(update={"id": "b"}))
    for spec, future in (running, late):
        future.exception(timeout=100)
        assert here.handover.accept(spec, future).status == "cancelled"
    assert "asleep" in here.folder(ONE).log.read_text()
    assert survivors("cancelled-run") == []


@pytest.mark.exhaustive
def test_close_ends_what_runs_and_waits_for_it(place: MakePlace) -> None:
    here = place(SLEEP, PASS, run_id="closed-run")
    _, future = here.submit(ONE)
    here.wait_for_cell(2)
    here.executor.close()
    assert future.done()
    assert survivors("closed-run") == []


@pytest.mark.exhaustive
def test_a_kernel_has_the_environment_of_the_spec_and_a_folder_of_its_own(
    place: MakePlace,
) -> None:
    names = ["CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "PROOFBOOK_RUN", "PROOFBOOK_JOB"]
    here = place(f"import os; checks.expect('e', [os.environ.get(n) for n in {names}], x)", PASS)
    expected: Any = ["7", "2", "r1", "a"]
    planned = job("a", gpus=1, cpus=2)
    update = {"timeout": 100.0, "parameters": {"x": expected}}
    assert here.outcome(planned.model_copy(update=update)).status == "passed"


@pytest.mark.exhaustive
def test_a_job_finds_what_is_beside_its_runbook_and_what_other_jobs_have_left(
    place: MakePlace, tmp_path: Path
) -> None:
    here = place(
        "from pathlib import Path\nimport beside\n"
        "checks.expect('left', Path(x, 'w').read_text(), beside.EXPECTED)\n"
        "Path('mine').write_text('1')\nchecks.output('mine', Path('mine').resolve())\n"
        "checks.output('same', Path(x))",
        PASS,
        parameters='x: str = ""',
    )
    here.handover.runbooks["demo/one"].path.with_name("beside.py").write_text("EXPECTED = 'made'")
    left = here.handover.writer.run.path / "jobs" / "before" / "work"
    left.mkdir(parents=True)
    (left / "w").write_text("made")
    planned = ONE.model_copy(update={"parameters": {"x": ""}})
    outcome = here.outcome(planned, inputs=(str(left),), resolved={"x": str(left)})
    assert (outcome.status, outcome.cause) == ("passed", "")
    folder = here.folder(ONE)
    records = read_records(folder.records)[0]
    values = {each.name: each.value for each in records if isinstance(each, Output)}
    assert values == {"mine": str(folder.work / "mine"), "same": str(left)}
    assert (folder.work / "mine").read_text() == "1"
    assert outcome.resolved == {"x": str(left)}


@pytest.mark.exhaustive
def test_an_output_outside_of_the_job_s_folder_is_there_for_the_next_job(
    place: MakePlace, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("far away")
    here = place(
        f"checks.output('far', __import__('pathlib').Path({str(tmp_path / 'cache')!r}))", PASS
    )
    assert here.outcome(ONE).status == "passed"
    (far,) = [
        each for each in read_records(here.folder(ONE).records)[0] if isinstance(each, Output)
    ]
    assert Path(str(far.value)).read_text() == "far away"
    assert output_problem(far) == ""


@pytest.mark.exhaustive
def test_what_no_machine_has_is_recorded_as_skipped(place: MakePlace) -> None:
    here = place("raise SystemExit", PASS)
    needy = {"allow_skips": ("hardware",), "resources": Resources(gpus=9.0)}
    allowed = ONE.model_copy(update=needy)
    outcome = here.outcome(allowed, lacking="needs 9 gpus, found 1")
    assert (outcome.status, outcome.allowed) == ("skipped", True)
    assert "needs 9 gpus, found 1" in outcome.cause


@pytest.mark.exhaustive
def test_the_runs_time_limit_holds(place: MakePlace) -> None:
    outcome = place(SLEEP, PASS).outcome(ONE, seconds_left=4.0)
    assert outcome.status == "timed_out"
    assert "the run took longer" in outcome.cause


@pytest.mark.exhaustive(keep=1)
def test_a_spec_is_the_same_in_another_process_and_holds_no_secret(
    place: MakePlace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_TOKEN", "Zq81-secret-token")
    spec = place(PASS).spec(job("a", gpus=1, cpus=2), seconds_left=9.5, lacking="no")
    content = pickle.dumps(spec)
    assert b"Zq81" not in content
    (tmp_path / "spec").write_bytes(content)
    script = (
        "import pickle, pathlib, sys; path = pathlib.Path(sys.argv[1])\n"
        "path.write_bytes(pickle.dumps(pickle.loads(path.read_bytes())))\n"
        "assert 'papermill' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "spec")], check=True, cwd="/")
    returned: JobSpec = pickle.loads((tmp_path / "spec").read_bytes())
    assert returned == spec
    assert returned is not spec
    assert os.environ["HF_TOKEN"]
