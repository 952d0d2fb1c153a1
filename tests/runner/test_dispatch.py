"""A run keeps its executor busy, and believes only the current attempt at each job."""

from __future__ import annotations

import hashlib
import json
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import pytest
from executed import write_notebook
from simulation import job

from proofbook.notebooks import Runbook
from proofbook.records import (
    Attempt,
    Begin,
    Check,
    Finish,
    Outcome,
    OutcomeStatus,
    PlannedJob,
    RunInfo,
    now,
)
from proofbook.runner.attempts import Fence
from proofbook.runner.capacity import Capacity
from proofbook.runner.dispatch import Dispatcher, Inbox
from proofbook.runner.events import CellStarted, Event, JobEnded, JobStarted, Note, Sink
from proofbook.runner.executors.protocol import Executor, JobResult, JobSpec
from proofbook.runner.guards import cancelled_by_signals
from proofbook.runner.handover import Handover
from proofbook.runner.outcomes import OutcomeWriter
from proofbook.runner.reserve import Reserve
from proofbook.runner.resolution import UnresolvedError
from proofbook.runner.schedule import Schedule, Start
from proofbook.runs.folder import RunFolder

CAPACITY = Capacity(slots=2, cpus=4, memory_gb=8, gpus=("4", "GPU-b"))
Behave = Callable[[JobSpec, Future[JobResult]], None]


def outcome_of(spec: JobSpec, status: OutcomeStatus = "passed") -> Outcome:
    """Return what an honest executor returns of an attempt."""
    attempt = Attempt(number=spec.attempt, status=status, started=now(), ended=now())
    return Outcome(
        job=spec.job.id, runbook="demo/one", status=status, attempts=(*spec.earlier, attempt)
    )


def passing_records(name: str) -> str:
    """Return the records of a job whose only check has passed."""
    records = (
        Begin(runbook="demo/one"),
        Check(name=name, status="passed"),
        Finish(counts={"begin": 1, "check": 1}),
    )
    return "".join(f"{record.model_dump_json()}\n" for record in records)


class FakeExecutor:
    """Executes nothing: ``behave`` says what becomes of each attempt."""

    def __init__(self, behave: Behave) -> None:
        self.capacity = CAPACITY
        self.behave = behave
        self.specs: list[JobSpec] = []
        self.cancelled = 0

    def submit(self, spec: JobSpec) -> Future[JobResult]:
        self.specs.append(spec)
        future: Future[JobResult] = Future()
        self.behave(spec, future)
        return future

    def cancel(self) -> None:
        self.cancelled += 1

    def close(self) -> None: ...


def passes(spec: JobSpec, future: Future[JobResult]) -> None:
    future.set_result(JobResult(outcome=outcome_of(spec)))


class Run:
    """A run folder, and everything that dispatches its jobs."""

    def __init__(self, root: Path, jobs: tuple[PlannedJob, ...], seconds: float | None) -> None:
        self.folder = RunFolder(root / "run")
        self.folder.media.mkdir(parents=True)
        self.notebook = root / "one.ipynb"
        self.notebook.write_text('{"cells": []}')
        runbook = Runbook(name="demo/one", path=self.notebook, title="", parameters={}, sha256="")
        self.handover = Handover(
            info=RunInfo(run_id="r1", profile="tiny", plan=jobs),
            writer=OutcomeWriter(run=self.folder, reserve=Reserve(self.folder.path)),
            runbooks={"demo/one": runbook},
            capacity=CAPACITY,
            deadline=None if seconds is None else time.monotonic() + seconds,
        )
        self.inbox = Inbox()
        self.events: list[Event] = []
        self.fence = Fence(self.events.append)

    def dispatch(self, executor: Executor) -> dict[str, Outcome]:
        schedule = Schedule(self.handover.info.plan, CAPACITY, {})
        return Dispatcher(schedule, executor, self.handover, self.fence, self.inbox).run()

    def written(self, id_: str) -> Outcome:
        outcome = self.folder.job(id_).read_outcome()
        assert outcome is not None
        return outcome


MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    return lambda *jobs, seconds=None: Run(tmp_path, jobs, seconds)


def test_every_job_is_sent_once_and_its_end_is_told(make_run: MakeRun) -> None:
    run, executor = make_run(job("a"), job("b", "a"), job("c")), FakeExecutor(passes)
    outcomes = run.dispatch(executor)
    assert [spec.job.id for spec in executor.specs] == ["a", "c", "b"]
    assert {outcome.status for outcome in outcomes.values()} == {"passed"}
    ended = [event.outcome.job for event in run.events if isinstance(event, JobEnded)]
    assert ended == ["a", "c", "b"]


def test_a_cancel_ends_what_runs_and_refuses_the_rest(make_run: MakeRun) -> None:
    run = make_run(job("a"), job("b", "a"))
    held: list[Future[JobResult]] = []

    def behave(spec: JobSpec, future: Future[JobResult]) -> None:
        held.append(future)
        run.inbox.put("cancel")

    executor = FakeExecutor(behave)

    def cancel() -> None:
        held[0].set_result(JobResult(outcome=outcome_of(executor.specs[0], "cancelled")))

    executor.cancel = cancel  # type: ignore[method-assign]
    outcomes = run.dispatch(executor)
    assert {id_: outcome.status for id_, outcome in outcomes.items()} == {
        "a": "cancelled",
        "b": "cancelled",
    }
    assert run.written("b").cause == "the run was cancelled before this job began"


def test_a_signal_in_the_middle_of_what_is_told_is_told_after_it(make_run: MakeRun) -> None:
    run, told = make_run(job("a"), job("b", "a")), []

    def tell(event: Event) -> None:
        told.append(event)
        if isinstance(event, JobEnded) and event.outcome.job == "a":
            signal.raise_signal(signal.SIGTERM)
            assert told[-1] is event, "what prints is not called while it prints"

    run.fence = Fence(tell)
    with cancelled_by_signals(partial(run.inbox.put, "cancel")):
        outcomes = run.dispatch(FakeExecutor(passes))
    assert [outcome.status for outcome in outcomes.values()] == ["passed", "cancelled"]
    assert [each.text for each in told if isinstance(each, Note)] == [
        "cancelling: the running jobs are ended; once more to end at once"
    ]


def test_a_cancel_before_the_first_job_starts_nothing(make_run: MakeRun) -> None:
    run, executor = make_run(job("a")), FakeExecutor(passes)
    run.inbox.put("cancel")
    assert run.dispatch(executor)["a"].status == "cancelled"
    assert executor.specs == []


def test_nothing_starts_after_the_runs_time(make_run: MakeRun) -> None:
    run, executor = make_run(job("a"), seconds=-1), FakeExecutor(passes)
    assert run.dispatch(executor)["a"].status == "timed_out"
    assert executor.specs == []


def test_what_waits_is_refused_when_the_runs_time_is_over(make_run: MakeRun) -> None:
    run = make_run(job("a"), job("b", "a"), seconds=0.05)
    held: list[Future[JobResult]] = []
    executor = FakeExecutor(lambda spec, future: held.append(future))

    def release(event: Event) -> None:  # the run has noticed the time: now the job may end
        if isinstance(event, JobEnded) and event.outcome.job == "b":
            held[0].set_result(JobResult(outcome=outcome_of(executor.specs[0])))

    run.fence = Fence(release)
    outcomes = run.dispatch(executor)
    assert (outcomes["a"].status, outcomes["b"].status) == ("passed", "timed_out")
    assert 0 < (executor.specs[0].seconds_left or 0) <= 0.05


def test_a_crash_is_tried_again_as_the_next_attempt(make_run: MakeRun) -> None:
    run = make_run(job("a").model_copy(update={"retries": 1}))

    def behave(spec: JobSpec, future: Future[JobResult]) -> None:
        status: OutcomeStatus = "passed" if spec.attempt == 2 else "crashed"
        future.set_result(JobResult(outcome=outcome_of(spec, status)))

    executor = FakeExecutor(behave)
    assert run.dispatch(executor)["a"].status == "passed"
    assert [spec.attempt for spec in executor.specs] == [1, 2]
    (ended,) = (event for event in run.events if isinstance(event, JobEnded))
    assert [attempt.status for attempt in ended.outcome.attempts] == ["crashed", "passed"]


def test_a_crash_in_a_cancelled_run_is_not_tried_again(make_run: MakeRun) -> None:
    run = make_run(job("a").model_copy(update={"retries": 3}))

    def behave(spec: JobSpec, future: Future[JobResult]) -> None:
        run.inbox.put("cancel")
        future.set_result(JobResult(outcome=outcome_of(spec, "crashed")))

    executor = FakeExecutor(behave)
    assert run.dispatch(executor)["a"].status == "crashed"
    assert len(executor.specs) == 1


def test_a_failed_check_before_a_crash_is_not_tried_again(make_run: MakeRun) -> None:
    run = make_run(job("a").model_copy(update={"retries": 3}))

    def behave(spec: JobSpec, future: Future[JobResult]) -> None:
        folder = run.handover.writer.open_folder("a")
        folder.records.write_text(Check(name="loud", status="failed").model_dump_json())
        future.set_result(JobResult(outcome=outcome_of(spec, "crashed")))

    executor = FakeExecutor(behave)
    assert run.dispatch(executor)["a"].status == "crashed"
    assert len(executor.specs) == 1


def test_a_lost_attempt_has_crashed_with_the_reason_and_is_tried_again(make_run: MakeRun) -> None:
    run = make_run(job("a").model_copy(update={"retries": 1}))

    def behave(spec: JobSpec, future: Future[JobResult]) -> None:
        future.set_exception(ConnectionError("node 7 is gone"))

    executor = FakeExecutor(behave)
    assert run.dispatch(executor)["a"].status == "crashed"
    assert run.written("a").cause == "the attempt was lost: node 7 is gone"
    assert [attempt.number for attempt in run.written("a").attempts] == [1, 2]


def stale(run: Run, brought: Path) -> Behave:
    """Return an executor whose first attempt is lost, and comes back green in place of the next."""

    def behave(spec: JobSpec, future: Future[JobResult]) -> None:
        if spec.attempt == 1:
            future.set_exception(ConnectionError("node 7 is gone"))
            return
        first = spec.earlier[0].model_copy(update={"status": "passed"})
        green = Outcome(job="a", runbook="demo/one", status="passed", attempts=(first,))
        RunFolder(brought).job("a").path.mkdir(parents=True)
        RunFolder(brought).job("a").write_outcome(green)
        future.set_result(JobResult(outcome=green, brought=brought))

    return behave


def test_the_outcome_of_a_stale_attempt_is_not_believed(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(job("a").model_copy(update={"retries": 1}))
    outcomes = run.dispatch(FakeExecutor(stale(run, tmp_path / "brought")))
    assert outcomes["a"].status == "crashed"
    written = run.written("a")
    assert written.status == "crashed"
    assert "the outcome of attempt 1, expected that of attempt 2" in written.cause


def test_the_outcome_of_another_job_is_not_believed(make_run: MakeRun) -> None:
    run = make_run(job("a"))

    def behave(spec: JobSpec, future: Future[JobResult]) -> None:
        other = outcome_of(spec).model_copy(update={"job": "b"})
        future.set_result(JobResult(outcome=other))

    assert run.dispatch(FakeExecutor(behave))["a"].status == "crashed"


def test_events_of_a_stale_attempt_are_dropped(make_run: MakeRun) -> None:
    run = make_run(job("a").model_copy(update={"retries": 1}))

    def behave(spec: JobSpec, future: Future[JobResult]) -> None:
        sink: Sink = run.fence
        for attempt in (1, 2, 3):
            sink(CellStarted(job="a", attempt=attempt, index=0, total=1, cell="x"))
        future.set_result(JobResult(outcome=outcome_of(spec, "crashed")))

    run.dispatch(FakeExecutor(behave))
    run.fence(JobStarted(job="a", attempt=2))  # it has ended
    told = [event.attempt for event in run.events if isinstance(event, CellStarted | JobStarted)]
    assert told == [1, 2]


def test_a_job_that_cannot_be_sent_is_an_error_and_the_others_go_on(make_run: MakeRun) -> None:
    run = make_run(job("a"), job("b"))

    def behave(spec: JobSpec, future: Future[JobResult]) -> None:
        if spec.job.id == "a":
            raise RuntimeError("no room in the queue")
        passes(spec, future)

    outcomes = run.dispatch(FakeExecutor(behave))
    assert (outcomes["a"].status, outcomes["b"].status) == ("error", "passed")
    assert "could not be executed: RuntimeError: no room" in run.written("a").cause
    assert "no room in the queue" in run.folder.job("a").log.read_text()


def test_what_an_executor_brings_is_in_the_run_folder(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(job("a").model_copy(update={"retries": 1}))
    outside = tmp_path / "outside"
    outside.write_text("not yours")
    name = f"{hashlib.sha256(b'sound').hexdigest()}.wav"

    def behave(spec: JobSpec, future: Future[JobResult]) -> None:
        theirs = RunFolder(tmp_path / f"brought-{spec.attempt}")
        folder = theirs.job("a")
        (folder.path / "work").mkdir(parents=True)
        write_notebook(folder.notebook)
        folder.records.write_text(passing_records(f"attempt-{spec.attempt}"))
        (folder.path / "work" / "model").write_text("weights")
        theirs.media.mkdir()
        (theirs.media / name).write_text("sound")
        (theirs.media / f"{'0' * 64}.wav").symlink_to(outside)
        (theirs.media / ".incoming-1").write_text("a part")
        status: OutcomeStatus = "passed" if spec.attempt == 2 else "crashed"
        outcome = outcome_of(spec, status)
        folder.write_outcome(outcome)
        future.set_result(JobResult(outcome=outcome, brought=theirs.path))

    outcome = run.dispatch(FakeExecutor(behave))["a"]
    assert (outcome.status, outcome.cause) == ("passed", "")
    folder = run.folder.job("a")
    assert "attempt-2" in folder.records.read_text()
    assert run.written("a").status == "passed"
    assert (folder.work / "model").read_text() == "weights"
    assert "attempt-1" in (folder.path / "attempts" / "1" / "records.jsonl").read_text()
    assert [path.name for path in run.folder.media.iterdir()] == [name]


@pytest.mark.parametrize("records", ["", "torn", None])
def test_a_green_outcome_that_its_files_do_not_support_is_not_believed(
    records: str | None, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(job("a"))

    def behave(spec: JobSpec, future: Future[JobResult]) -> None:
        theirs = RunFolder(tmp_path / "brought")
        if records is not None:
            theirs.job("a").path.mkdir(parents=True)
            theirs.job("a").records.write_text(records)
        future.set_result(JobResult(outcome=outcome_of(spec), brought=theirs.path))

    status = run.dispatch(FakeExecutor(behave))["a"].status
    assert status == ("error" if records is None else "incomplete")
    assert run.written("a").status == status


def environments(run: Run, executor: FakeExecutor) -> dict[str, dict[str, str]]:
    run.dispatch(executor)
    return {spec.job.id: dict(spec.environment) for spec in executor.specs}


def test_each_job_is_told_its_gpus_and_its_threads(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    jobs = (job("g", gpus=1, cpus=2), job("s", gpus=0.5), job("none"))
    told = environments(make_run(*jobs), FakeExecutor(passes))
    assert told["g"] == {
        "CUDA_VISIBLE_DEVICES": "4",
        **dict.fromkeys(
            ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
            "2",
        ),
    }
    assert told["s"] == {"CUDA_VISIBLE_DEVICES": "GPU-b", "OMP_NUM_THREADS": "2"}
    assert told["none"] == {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "2"}


def test_where_no_job_declares_a_gpu_all_see_what_there_is(make_run: MakeRun) -> None:
    told = environments(make_run(job("a"), job("b", cpus=1)), FakeExecutor(passes))
    assert not [id_ for id_, each in told.items() if "CUDA_VISIBLE_DEVICES" in each]


def test_threads_that_the_user_has_set_are_kept_unless_the_job_declares_its_cpus(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    told = environments(make_run(job("a"), job("b", cpus=2)), FakeExecutor(passes))
    assert (told["a"]["OMP_NUM_THREADS"], told["b"]["OMP_NUM_THREADS"]) == ("1", "2")


def test_a_spec_is_what_the_runbook_is_when_the_job_starts(make_run: MakeRun) -> None:
    run = make_run(job("a"), job("b", "a"))

    def behave(spec: JobSpec, future: Future[JobResult]) -> None:
        cell = {"cell_type": "raw", "metadata": {}, "source": spec.job.id}
        run.notebook.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}))
        passes(spec, future)

    executor = FakeExecutor(behave)
    run.dispatch(executor)
    first, second = (json.loads(spec.notebook)["cells"] for spec in executor.specs)
    assert (first, second[0]["source"]) == ([], "a")
    assert executor.specs[0].notebook_sha256 != executor.specs[1].notebook_sha256


def test_a_job_that_cannot_be_resolved_is_refused_with_the_reason(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spec(handover: Handover, start: Start, earlier: tuple[Attempt, ...] = ()) -> JobSpec:
        raise UnresolvedError("error", "no output of this name")

    monkeypatch.setattr(Handover, "spec", spec)
    run, executor = make_run(job("a"), job("b", "a")), FakeExecutor(passes)
    outcomes = run.dispatch(executor)
    assert [outcomes[id_].status for id_ in ("a", "b")] == ["error", "skipped"]
    assert run.written("a").cause == "no output of this name"
    assert executor.specs == []
