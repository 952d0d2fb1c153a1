"""The parts of the executor for clusters that need no cluster."""

from __future__ import annotations

import asyncio
import signal
import time
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from simulation import job

from proofbook.errors import UsageError
from proofbook.records import Attempt, Check, Fault, Metric, Outcome, OutcomeStatus
from proofbook.resources import Resources
from proofbook.runner.attempts import MOST_LOST, may_retry
from proofbook.runner.capacity import Capacity
from proofbook.runner.executors.cluster.attempt import _Cancellation
from proofbook.runner.executors.cluster.connection import ClusterCapacity, connect
from proofbook.runner.executors.cluster.control import Control
from proofbook.runner.executors.cluster.environment import without_ray
from proofbook.runner.executors.cluster.executor import RayExecutor
from proofbook.runner.executors.cluster.faults import fault_of
from proofbook.runner.executors.kinds import Choice
from proofbook.runner.executors.pieces import pieces_of
from proofbook.runner.executors.protocol import InfrastructureFault
from proofbook.runner.executors.store import Delivery, Store

SMALL = Capacity(slots=2, cpus=2, memory_gb=4, gpu_problem="the machine declares none")
LARGE = Capacity(slots=4, cpus=4, memory_gb=8, gpus=("l-0",))
CLUSTER = ClusterCapacity(slots=6, cpus=6, memory_gb=12, gpus=("l-0",), machines=(SMALL, LARGE))


@pytest.mark.parametrize(
    ("resources", "lacks"),
    [
        ({"cpus": 4, "gpus": 1}, {}),
        ({"cpus": 5}, {"cpus": "needs 5 cpus, found 4 on the best of 2 machines"}),
        ({"gpus": 2}, {"gpus": "needs 2 gpus, found 1 on the best of 2 machines"}),
        ({"memory_gb": 10}, {"memory_gb": "needs 10 memory_gb, found 8 on the best of 2 machines"}),
        ({"cpus": 9, "gpus": 1}, {"cpus": "needs 9 cpus, found 4 on the best of 2 machines"}),
    ],
)
def test_a_job_has_to_fit_into_one_machine(
    resources: dict[str, float], lacks: dict[str, str]
) -> None:
    assert CLUSTER.lacking(Resources.model_validate(resources)) == lacks


@pytest.mark.parametrize(
    ("slots", "resources", "cpus"),
    [
        (6, {}, 1),
        (2, {}, 2),  # of three, which the small machine has not
        (1, {}, 2),
        (1, {"gpus": 1}, 4),
        (1, {"memory_gb": 5}, 4),
        (1, {"cpus": 3}, 3),
    ],
)
def test_a_job_s_share_of_all_cpus_fits_into_each_machine_that_has_the_rest(
    slots: int, resources: dict[str, float], cpus: int
) -> None:
    request = replace(CLUSTER, slots=slots).request(Resources.model_validate(resources))
    assert request.cpus == cpus


def test_a_kernel_s_environment_is_the_machine_s_without_ray_s_part() -> None:
    plain = {"HOME": "/root", "OMP_PROC_BIND": "true", "PYTHONBREAKPOINT": "my.debugger"}
    rays = {"RAY_JOB_ID": "1", "SPT_NOENV": "1", "OMP_NUM_THREADS": "1"}
    assert without_ray({**plain, **rays}) == plain
    assert without_ray({"PYTHONBREAKPOINT": "ray.util.rpdb.set_trace"}) == {}


def test_who_waits_for_a_cancellation_hears_of_it_and_who_comes_later_too() -> None:
    async def story() -> tuple[bool, bool, bool]:
        control = Control()
        early = await control.wait(0.01)
        waiting = asyncio.create_task(control.wait(30))
        await asyncio.sleep(0)
        await control.cancel()
        return early, await waiting, await control.wait(30)

    began = time.monotonic()
    assert asyncio.run(story()) == (False, True, True)
    assert began <= asyncio.run(Control().clock()) <= time.monotonic()


class NodeDiedError(Exception):
    """Called as Ray calls it."""


def test_a_lost_machine_is_an_infrastructure_fault_in_words() -> None:
    pytest.importorskip("ray")
    assert str(fault_of(NodeDiedError("0x12 at 10.0.0.3"))) == "its machine is gone"
    other = fault_of(ConnectionError("reset\nby peer"))
    assert isinstance(other, InfrastructureFault)
    assert str(other) == "ConnectionError: reset"


def test_what_the_job_s_own_code_raised_on_the_other_side_is_no_machine_s_fault() -> None:
    exceptions = pytest.importorskip("ray.exceptions")
    raised = exceptions.RayTaskError("execute_attempt", "trace", OSError("no space left"))
    fault = fault_of(raised)
    assert isinstance(fault, OSError)
    assert not isinstance(fault, InfrastructureFault)


@pytest.mark.parametrize(
    ("lost", "own", "last_lost", "retries", "again"),
    [
        (1, 0, True, 0, True),
        (MOST_LOST, 0, True, 0, True),
        (MOST_LOST + 1, 0, True, 0, False),
        (1, 1, False, 0, False),
        (MOST_LOST, 1, False, 1, True),
        (0, 2, False, 1, False),
    ],
)
def test_lost_machines_are_not_taken_from_a_job_s_own_retries(
    lost: int, own: int, last_lost: bool, retries: int, again: bool, tmp_path: Path
) -> None:
    kinds = [not last_lost] * (own if last_lost else lost) + [last_lost] * (
        lost if last_lost else own
    )
    planned = job("a").model_copy(update={"retries": retries})
    outcome = _crashed(kinds)
    assert may_retry(planned, outcome, tmp_path / "records.jsonl") is again


def test_a_check_that_had_failed_stays_failed_when_its_machine_is_lost(tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    records.write_text(Check(name="loud", status="failed").model_dump_json() + "\n")
    assert not may_retry(job("a"), _crashed([True]), records)


_SKIPPED = Check(name="gpu-memory", status="skipped", reason="no GPU")
_REFUSED = Fault(what="expect('loud') was refused: two checks are called 'loud'")


@pytest.mark.parametrize(
    ("made", "is_lost", "again"),
    [
        (_REFUSED, False, False),  # the check that was refused is one that may have failed
        (_REFUSED, True, True),  # what a thread met as its machine went away
        (_SKIPPED, False, False),
        (_SKIPPED, True, False),
        (_SKIPPED.model_copy(update={"name": "allowed"}), False, True),
        (Check(name="loud", status="passed"), False, True),
        (Metric(name="seconds", value=1.0), False, True),
    ],
)
def test_what_a_lost_kernel_has_written_down_against_the_job_stays(
    made: Check | Fault | Metric, is_lost: bool, again: bool, tmp_path: Path
) -> None:
    records = tmp_path / "records.jsonl"
    records.write_text(made.model_dump_json() + "\n")
    planned = job("a").model_copy(update={"retries": 2, "allow_skips": ("allowed",)})
    assert may_retry(planned, _crashed([is_lost]), records) is again


@pytest.mark.parametrize("status", ["failed", "error", "timed_out", "cancelled", "passed"])
def test_only_a_crash_is_tried_again(status: OutcomeStatus, tmp_path: Path) -> None:
    outcome = _crashed([True]).model_copy(update={"status": status})
    assert not may_retry(job("a"), outcome, tmp_path / "records.jsonl")


def test_an_executor_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="--executor slurm: give local or ray"):
        Choice("slurm")
    with pytest.raises(UsageError, match="names a cluster: give --executor ray"):
        Choice("local", "10.0.0.1:6379")
    assert Choice("ray", "10.0.0.1:6379").is_local is False


def _crashed(lost: list[bool]) -> Outcome:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    attempts = tuple(
        Attempt(number=number, status="crashed", started=moment, infrastructure=each)
        for number, each in enumerate(lost, 1)
    )
    return Outcome(job="a", runbook="demo/one", status="crashed", attempts=attempts)


def test_an_outcome_that_came_before_its_attempt_was_given_up_counts(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    executor = object.__new__(RayExecutor)
    executor._store = store = Store(f"file://{tmp_path}/store")
    assert executor._give_up("run/a/1-x", tmp_path / "nothing") is None
    late = Delivery(outcome=_crashed([False]), pieces=())
    assert not store.deliver("run/a/1-x", late)
    (tmp_path / "log").write_text("seen")
    pieces = store.put(pieces_of(tmp_path / "log", "jobs/a/output.log"))
    assert store.deliver("run/a/2-y", late.model_copy(update={"pieces": pieces}))
    assert executor._give_up("run/a/2-y", tmp_path / "brought") == late.outcome
    assert (tmp_path / "brought/jobs/a/output.log").read_text() == "seen"


def test_a_run_that_cannot_be_reached_is_a_cancelled_one() -> None:
    exceptions = pytest.importorskip("ray.exceptions")
    asked: list[Future[bool]] = []

    def ask(seconds: float) -> SimpleNamespace:
        asked.append(Future())
        return SimpleNamespace(future=lambda: asked[-1])

    cancellation = _Cancellation(SimpleNamespace(wait=SimpleNamespace(remote=ask)))
    assert not cancellation.has_come()
    asked[0].set_result(False)
    assert not cancellation.has_come()
    assert len(asked) == 2  # it is asked again, and once
    asked[1].set_exception(exceptions.RayActorError())
    assert cancellation.has_come()
    assert cancellation.has_come()
    assert len(asked) == 2


@pytest.mark.parametrize("signals", [0, 1])
def test_an_interrupt_waits_until_ray_has_started(
    signals: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    started: list[object] = []
    before = signal.getsignal(signal.SIGINT)

    def start(**options: object) -> None:
        for _ in range(signals):
            signal.raise_signal(signal.SIGINT)
        started.append(signal.getsignal(signal.SIGINT))

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", start)
    with pytest.raises(KeyboardInterrupt) if signals else nullcontext():
        connect("local")
    assert len(started) == 1
    assert (started[0] == signal.SIG_DFL) is bool(signals)  # a second one would end at once
    assert signal.getsignal(signal.SIGINT) == before


def test_a_node_that_does_not_start_in_time_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(**options: object) -> None:
        raise Exception("The current node timed out during startup.\nAnd more.")  # as Ray does

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", late)
    with pytest.raises(UsageError, match=r"not start a cluster here: The .* startup; a machine"):
        connect("local")
