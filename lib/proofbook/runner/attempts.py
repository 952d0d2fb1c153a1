"""Which attempt at a job counts, and whether another one follows."""

from __future__ import annotations

from pathlib import Path

from proofbook.errors import ProofbookError
from proofbook.records import Check, Outcome, PlannedJob
from proofbook.runner.events import CellStarted, Event, JobStarted, Sink
from proofbook.runner.executors.protocol import JobSpec
from proofbook.runs.folder import read_records
from proofbook.runs.record_rules import faults, forbidden_skips, unmet_checks

__all__ = ["MOST_LOST", "Fence", "StaleResult", "may_retry", "refuse_stale"]


MOST_LOST = 3
"""How often a job is tried again whose machine was lost."""


class StaleResult(ProofbookError):  # noqa: N818 - a statement about a result, as StopIteration is
    """An executor returned the outcome of another attempt, or of another job."""


class Fence:
    """A sink that drops what comes from an attempt that no longer counts.

    An executor may lose sight of a machine that goes on sending events. Called from any thread.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._current: dict[str, int] = {}

    def begin(self, spec: JobSpec) -> None:
        """From now on this attempt counts, and no other at the same job."""
        self._current[spec.job.id] = spec.attempt

    def end(self, job: str) -> None:
        """From now on no attempt at this job counts."""
        self._current.pop(job, None)

    def __call__(self, event: Event) -> None:
        """Pass an event on, unless its attempt does not count."""
        if not isinstance(event, JobStarted | CellStarted) or self._counts(event):
            self._sink(event)

    def _counts(self, event: JobStarted | CellStarted) -> bool:
        return self._current.get(event.job) == event.attempt


def refuse_stale(outcome: Outcome, spec: JobSpec) -> None:
    """Refuse an outcome that is not one of this attempt.

    Raises:
        StaleResult: It belongs to another attempt, or to another job.
    """
    if outcome.job != spec.job.id:
        raise StaleResult(f"the executor returned the outcome of another job, {outcome.job!r}")
    number = outcome.attempts[-1].number if outcome.attempts else 0
    if number != spec.attempt:
        raise StaleResult(
            f"the executor returned the outcome of attempt {number}, expected that of attempt "
            f"{spec.attempt}"
        )


def may_retry(job: PlannedJob, outcome: Outcome, records: Path) -> bool:
    """Say whether a lost kernel gets another try; what has gone wrong before the loss stays so.

    That is a check that failed, was refused or may not be skipped, and an exception that nobody
    met. A lost machine gets one, too, which is not taken from the job's own retries; there an
    exception may come of the loss.
    """
    lost = sum(attempt.infrastructure for attempt in outcome.attempts)
    own = len(outcome.attempts) - lost
    if outcome.status != "crashed":
        return False
    if lost > MOST_LOST if outcome.attempts[-1].infrastructure else own > job.retries:
        return False
    made = read_records(records)[0]
    checks = [record for record in made if isinstance(record, Check)]
    if unmet_checks(checks) or forbidden_skips(checks, job.allow_skips):
        return False
    return outcome.attempts[-1].infrastructure or not faults(made)
