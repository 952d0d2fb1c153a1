"""Decide what may start now: jobs whose needs are met and for which there is room, in plan order.

An event costs time in proportion to the job's dependents and to the number of different requests,
not to the number of jobs. Knows jobs by their ids and outcomes, not what executing one means.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from proofbook.records import Outcome, OutcomeStatus, PlannedJob
from proofbook.runner.admission import ReadyJobs, Room
from proofbook.runner.capacity import Allocation, Capacity, Request

__all__ = ["Obstacle", "Schedule", "Start", "dependents"]

_NOTHING = Request(Fraction(0), Fraction(0), Fraction(0))


class Obstacle(NamedTuple):
    """Why a job is not started."""

    status: OutcomeStatus
    reason: str


class Start(NamedTuple):
    """A job that starts now, and what it occupies until it ends."""

    job: PlannedJob
    allocation: Allocation


class Schedule:
    """The state of a plan while it is executed.

    Args:
        jobs: The whole plan.
        capacity: What all running jobs share.
        done: Outcomes that are kept from an earlier try.
        unrunnable: Jobs for which there is never room. They start and occupy a slot alone: what
            executes them records that they are skipped.
    """

    def __init__(
        self,
        jobs: Iterable[PlannedJob],
        capacity: Capacity,
        done: Mapping[str, Outcome],
        unrunnable: Iterable[str] = (),
    ) -> None:
        self._jobs = {job.id: job for job in jobs}
        self._requests = {job.id: capacity.request(job.resources) for job in self._jobs.values()}
        self._requests |= dict.fromkeys(unrunnable, _NOTHING)
        self._order = {id_: number for number, id_ in enumerate(self._jobs)}
        self._outcomes = dict(done)
        self._dependents: dict[str, list[str]] = {}
        self._unmet: dict[str, int] = {}
        self._ready = ReadyJobs()
        self._obstructed: deque[tuple[PlannedJob, Obstacle]] = deque()
        self._running: dict[str, Allocation] = {}
        self._room = Room(capacity)
        for job in self._jobs.values():
            if job.id not in self._outcomes:
                self._await_needs(job)

    @property
    def unfinished(self) -> bool:
        """Whether a job has no outcome yet."""
        return bool(self._unmet or self._running or self._obstructed or self._ready)

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """All outcomes so far, by job id."""
        return dict(self._outcomes)

    def start(self) -> list[Start]:
        """Return the jobs that start now; they occupy their resources from now on."""
        starting = []
        for number, request in self._ready.in_order():
            if self._room.full:
                break
            allocation = self._room.take(number, request)
            if allocation is not None:
                job = self._jobs[self._ready.pop(request)]
                self._running[job.id] = allocation
                starting.append(Start(job, allocation))
        assert self._running or self._obstructed or not self.unfinished, "jobs wait for each other"
        return starting

    def end(self, outcome: Outcome) -> None:
        """Note that a job has ended, or was refused; what needs it may be next."""
        allocation = self._running.pop(outcome.job, None)
        if allocation is not None:
            self._room.give_back(self._order[outcome.job], allocation)
        self._outcomes[outcome.job] = outcome
        for id_ in self._dependents.pop(outcome.job, ()):
            if id_ in self._unmet:
                self._unmet[id_] -= 1
                if self._unmet[id_] == 0:
                    del self._unmet[id_]
                    self._admit(self._jobs[id_])

    def obstructed(self) -> Iterator[tuple[PlannedJob, Obstacle]]:
        """Yield each job that will not be started, and why; :meth:`end` may add more meanwhile."""
        while self._obstructed:
            yield self._obstructed.popleft()

    def close(self, obstacle: Obstacle) -> None:
        """Start nothing more: what has not begun will not be started, for this reason."""
        waiting = sorted({*self._unmet, *self._ready.drain()}, key=self._order.__getitem__)
        self._unmet.clear()
        self._obstructed.extend((self._jobs[id_], obstacle) for id_ in waiting)

    def _await_needs(self, job: PlannedJob) -> None:
        unmet = {need for need in job.needs if need not in self._outcomes}
        for need in unmet:
            self._dependents.setdefault(need, []).append(job.id)
        if unmet:
            self._unmet[job.id] = len(unmet)
        else:
            self._admit(job)

    def _admit(self, job: PlannedJob) -> None:
        """Take in a job whose needs have all ended."""
        if obstacle := self._failed_need(job):
            self._obstructed.append((job, obstacle))
        else:
            self._ready.push(self._requests[job.id], self._order[job.id], job.id)

    def _failed_need(self, job: PlannedJob) -> Obstacle | None:
        for need in job.needs:
            outcome = self._outcomes[need]
            fine = outcome.status == "passed" or (outcome.status == "skipped" and outcome.allowed)
            if not fine:
                return Obstacle("skipped", f"it needs {need}, which {_became(outcome)}")
        return None


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


def _became(outcome: Outcome) -> str:
    verbs = {"timed_out": "timed out", "skipped": "was skipped", "cancelled": "was cancelled"}
    return verbs.get(outcome.status, f"ended as {outcome.status}")
