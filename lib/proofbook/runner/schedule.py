"""Decide what runs when: jobs whose needs are met, as many at a time as there are slots.

Knows jobs by their ids and outcomes, not what executing one means.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import NamedTuple

from proofbook.records import Outcome, OutcomeStatus, PlannedJob

__all__ = ["Obstacle", "dependents", "execute_plan"]

_TICK_SECONDS = 0.2


class Obstacle(NamedTuple):
    """Why a job is not started."""

    status: OutcomeStatus
    reason: str


def execute_plan(
    jobs: Iterable[PlannedJob],
    *,
    slots: int,
    execute: Callable[[PlannedJob], Outcome],
    refuse: Callable[[PlannedJob, Obstacle], Outcome],
    done: Mapping[str, Outcome],
    cancelled: threading.Event,
    on_end: Callable[[Outcome], None],
    expired: Callable[[], bool] = lambda: False,
    on_tick: Callable[[], None] = lambda: None,
) -> dict[str, Outcome]:
    """Run every job that is not done yet; return all outcomes by job id.

    Args:
        jobs: The whole plan.
        slots: How many run at a time.
        execute: Runs one job, in a thread; it does not raise.
        refuse: Writes down that a job does not run, and why.
        done: Outcomes that are kept from an earlier try.
        cancelled: Once set, nothing more is started.
        on_end: Called in this thread as each job ends.
        expired: Whether the run's own time is over; nothing more is started then.
        on_tick: Called in this thread several times a second.
    """
    outcomes = dict(done)
    waiting = [job for job in jobs if job.id not in outcomes]
    running: dict[Future[Outcome], PlannedJob] = {}
    with ThreadPoolExecutor(max_workers=slots, thread_name_prefix="job") as pool:
        while waiting or running:
            for job in _startable(waiting, outcomes):
                if obstacle := _obstacle(job, outcomes, cancelled, expired):
                    waiting.remove(job)
                    outcomes[job.id] = refuse(job, obstacle)
                    on_end(outcomes[job.id])
                elif len(running) < slots:
                    waiting.remove(job)
                    running[pool.submit(execute, job)] = job
            finished, _ = wait(running, timeout=_TICK_SECONDS, return_when=FIRST_COMPLETED)
            for future in finished:
                job = running.pop(future)
                outcomes[job.id] = future.result()
                on_end(outcomes[job.id])
            on_tick()
    return outcomes


def dependents(
    jobs: Iterable[PlannedJob],
    changed: Collection[str],
    also: Callable[[str], Iterable[str]] = lambda job_id: (),
) -> set[str]:
    """Return ``changed`` and every job that needs one of them, directly or through others.

    ``also`` names further jobs that change with one that does.
    """
    needed_by: dict[str, list[str]] = {}
    for job in jobs:
        for need in job.needs:
            needed_by.setdefault(need, []).append(job.id)
    affected, waiting = set(changed), list(changed)
    while waiting:
        job_id = waiting.pop()
        reached = {*needed_by.get(job_id, ()), *also(job_id)} - affected
        affected |= reached
        waiting += reached
    return affected


def _startable(waiting: list[PlannedJob], outcomes: Mapping[str, Outcome]) -> list[PlannedJob]:
    return [job for job in waiting if all(need in outcomes for need in job.needs)]


def _obstacle(
    job: PlannedJob,
    outcomes: Mapping[str, Outcome],
    cancelled: threading.Event,
    expired: Callable[[], bool],
) -> Obstacle | None:
    if cancelled.is_set():
        return Obstacle("cancelled", "the run was cancelled before this job began")
    if expired():
        return Obstacle("timed_out", "the run's time limit was reached before this job began")
    for need in job.needs:
        outcome = outcomes[need]
        fine = outcome.status == "passed" or (outcome.status == "skipped" and outcome.allowed)
        if not fine:
            return Obstacle("skipped", f"it needs {need}, which {_became(outcome)}")
    return None


def _became(outcome: Outcome) -> str:
    verbs = {"timed_out": "timed out", "skipped": "was skipped", "cancelled": "was cancelled"}
    return verbs.get(outcome.status, f"ended as {outcome.status}")
