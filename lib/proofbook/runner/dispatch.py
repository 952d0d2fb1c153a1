"""Keep an executor busy with a plan, until every job has its outcome.

Waits for messages alone: a result of the executor, a cancellation, the run's time limit. Knows
nothing about kernels.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Literal, NamedTuple

from proofbook.records import Attempt, Outcome
from proofbook.runner.attempts import Fence
from proofbook.runner.events import JobEnded, Note
from proofbook.runner.executors.protocol import Executor, JobResult, JobSpec
from proofbook.runner.handover import Handover
from proofbook.runner.resolution import UnresolvedError
from proofbook.runner.schedule import Obstacle, Schedule, Start

__all__ = ["Dispatcher", "Inbox", "Message", "Returned"]

_CANCELLING = "cancelling: the running jobs are ended; once more to end at once"
_CANCELLED = Obstacle("cancelled", "the run was cancelled before this job began")
_EXPIRED = Obstacle("timed_out", "the run's time limit was reached before this job began")


class Returned(NamedTuple):
    """An executor has ended an attempt."""

    start: Start
    spec: JobSpec
    future: Future[JobResult]


Message = Returned | Literal["cancel", "expire"]
Inbox = SimpleQueue[Message]
"""What the dispatcher waits for; a signal handler or any thread may put a message into it."""


class Dispatcher:
    """Executes one plan.

    Args:
        schedule: Says what may start.
        executor: Executes it.
        handover: Makes specs, and takes results into the run folder.
        fence: Told which attempts count; events of jobs go through it.
        inbox: Where messages arrive.
    """

    def __init__(
        self,
        schedule: Schedule,
        executor: Executor,
        handover: Handover,
        fence: Fence,
        inbox: Inbox,
    ) -> None:
        self._schedule = schedule
        self._executor = executor
        self._handover = handover
        self._fence = fence
        self._inbox = inbox
        self._deadline = handover.deadline
        self._running: set[str] = set()
        self._closed = False

    def run(self) -> dict[str, Outcome]:
        """Execute every job that is not done yet; return all outcomes by job id."""
        while self._schedule.unfinished:
            while (message := self._next(wait=False)) is not None:
                self._take(message)
            for job, obstacle in self._schedule.obstructed():
                self._end(self._handover.refuse(job, obstacle))
            for start in self._schedule.start():
                self._submit(start)
            if self._running and (message := self._next(wait=True)) is not None:
                self._take(message)
        return self._schedule.outcomes

    def _next(self, *, wait: bool) -> Message | None:
        """Return the next message; ``expire`` once, when the run's time is over."""
        left = None if self._deadline is None else self._deadline - time.monotonic()
        if left is not None and left <= 0:
            self._deadline = None
            return "expire"
        try:
            return self._inbox.get(block=wait, timeout=left)
        except Empty:
            return None

    def _take(self, message: Message) -> None:
        if isinstance(message, Returned):
            self._take_result(message)
        elif message == "cancel":
            self._fence(Note(text=_CANCELLING))
            self._close(_CANCELLED)
            self._executor.cancel()
        else:
            self._close(_EXPIRED)

    def _close(self, obstacle: Obstacle) -> None:
        self._closed = True
        self._schedule.close(obstacle)

    def _submit(self, start: Start, earlier: tuple[Attempt, ...] = ()) -> None:
        try:
            spec = self._handover.spec(start, earlier)
            self._fence.begin(spec)
            future = self._executor.submit(spec)
        except UnresolvedError as error:
            obstacle = Obstacle(error.status, str(error))
            self._end(self._handover.refuse(start.job, obstacle, earlier))
            return
        except Exception as error:  # noqa: BLE001 - it becomes the outcome, other jobs go on
            self._end(self._handover.write_fault(start.job, error, earlier))
            return
        self._running.add(start.job.id)
        future.add_done_callback(lambda done: self._inbox.put(Returned(start, spec, done)))

    def _take_result(self, returned: Returned) -> None:
        start, spec, future = returned
        self._running.discard(start.job.id)
        self._fence.end(start.job.id)
        outcome = self._handover.accept(spec, future)
        if self._handover.may_retry(spec, outcome) and not self._closed:
            self._submit(start, outcome.attempts)
        else:
            self._end(outcome)

    def _end(self, outcome: Outcome) -> None:
        self._fence(JobEnded(outcome=outcome))
        # A plan may have thousands of jobs: what its verdict needs is kept of each.
        slim = outcome.model_copy(update={"cells": (), "attempts": (), "failure": None})
        self._schedule.end(slim)
