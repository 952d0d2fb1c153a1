"""Jobs run when their needs are met, as many at a time as there are slots."""

from __future__ import annotations

import threading
import time

from proofbook.records import Outcome, OutcomeStatus, PlannedJob
from proofbook.runner.schedule import Obstacle, dependents, execute_plan


def job(name: str, *needs: str) -> PlannedJob:
    return PlannedJob(id=name, runbook="demo/one", needs=needs, timeout=10)


class Recorder:
    def __init__(self, statuses: dict[str, OutcomeStatus] | None = None) -> None:
        self.statuses = statuses or {}
        self.order: list[str] = []
        self.most = self.now = 0
        self.lock = threading.Lock()
        self.cancelled = threading.Event()

    def execute(self, job: PlannedJob) -> Outcome:
        with self.lock:
            self.order.append(job.id)
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.02)
        with self.lock:
            self.now -= 1
        status = self.statuses.get(job.id, "passed")
        return Outcome(job=job.id, runbook=job.runbook, status=status)

    def refuse(self, job: PlannedJob, obstacle: Obstacle) -> Outcome:
        return Outcome(
            job=job.id, runbook=job.runbook, status=obstacle.status, cause=obstacle.reason
        )

    def run(self, *jobs: PlannedJob, slots: int = 2, **kwargs: object) -> dict[str, Outcome]:
        return execute_plan(
            jobs,
            slots=slots,
            execute=self.execute,
            refuse=self.refuse,
            done=kwargs.pop("done", {}),  # type: ignore[arg-type]
            cancelled=self.cancelled,
            on_end=lambda outcome: None,
            **kwargs,  # type: ignore[arg-type]
        )


def test_needs_run_first() -> None:
    recorder = Recorder()
    recorder.run(job("c", "b"), job("b", "a"), job("a"))
    assert recorder.order == ["a", "b", "c"]


def test_no_more_run_at_a_time_than_there_are_slots() -> None:
    recorder = Recorder()
    outcomes = recorder.run(*(job(str(i)) for i in range(12)), slots=3)
    assert recorder.most == 3
    assert len(outcomes) == 12


def test_what_needs_a_failed_job_is_skipped_with_the_reason() -> None:
    outcomes = Recorder({"a": "failed"}).run(job("a"), job("b", "a"), job("c", "b"), job("d"))
    assert {n: o.status for n, o in outcomes.items()} == {
        "a": "failed",
        "b": "skipped",
        "c": "skipped",
        "d": "passed",
    }
    assert outcomes["b"].cause == "it needs a, which ended as failed"
    assert outcomes["c"].cause == "it needs b, which was skipped"


def test_kept_outcomes_are_not_run_again() -> None:
    recorder = Recorder()
    kept = Outcome(job="a", runbook="demo/one", status="passed")
    outcomes = recorder.run(job("a"), job("b", "a"), done={"a": kept})
    assert recorder.order == ["b"]
    assert outcomes["a"] is kept


def test_nothing_starts_after_a_cancel() -> None:
    recorder = Recorder()
    recorder.cancelled.set()
    outcomes = recorder.run(job("a"), job("b", "a"))
    assert recorder.order == []
    assert {o.status for o in outcomes.values()} == {"cancelled"}


def test_nothing_starts_after_the_runs_time() -> None:
    outcomes = Recorder().run(job("a"), expired=lambda: True)
    assert outcomes["a"].status == "timed_out"


def test_dependents_are_found_through_others() -> None:
    plan = [job("a"), job("b", "a"), job("c", "b"), job("d")]
    assert dependents(plan, {"a"}) == {"a", "b", "c"}
