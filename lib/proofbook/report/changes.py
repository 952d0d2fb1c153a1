"""What is not as it was in the runs before, the worst first.

Pure: takes how each job and check ended in the runs, and knows nothing about the index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from proofbook.records import Check
from proofbook.report.past import Past
from proofbook.report.summary import JobSummary, RunSummary
from proofbook.report.wording import BAD_CHECKS, say_cause, say_finding, severity_of, state_of

__all__ = ["KINDS", "Change", "PreviousRun", "job_changes", "sort_changes"]

KINDS: tuple[str, ...] = (
    *("newly failing", "flaky", "still failing", "new", "gone"),
    *("subject", "environment", "recovered"),
)
"""In the order in which a reader meets them."""

_CHECK_SEVERITY = 50
_HARMLESS = 99


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is not as it was in the runs before."""

    kind: str
    """One of :data:`KINDS`."""
    what: str
    job: str = ""
    """Where it is in this run; empty where it is gone, or of the run as a whole."""
    check: str = ""
    """Its name, where it is a check of a job."""
    state: str = ""
    """What became of the job or check in this run."""
    detail: str = ""
    """Why, and since when."""
    severity: int = _HARMLESS
    """The worse, the smaller."""

    @property
    def is_bad(self) -> bool:
        """Whether it is something that failed in this run."""
        return self.severity < _HARMLESS


@dataclass(frozen=True, kw_only=True)
class PreviousRun:
    """The run before this one, as far as it matters here."""

    revisions: Mapping[str, str]
    """What was tested, by job."""
    finished: frozenset[str]
    """Jobs that reached their end."""
    lost_jobs: Sequence[str]
    """Jobs of its plan that are not in this run's plan."""
    lost_checks: Sequence[tuple[str, str]]
    """Job and name of checks that this run did not make."""


def sort_changes(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Order changes by kind, and within a kind the worst first."""
    return tuple(sorted(changes, key=lambda each: (KINDS.index(each.kind), each.severity)))


def job_changes(
    run: RunSummary, previous: PreviousRun, past: Mapping[tuple[str, str], Past]
) -> Iterator[Change]:
    """Yield what changed in jobs and checks.

    Args:
        run: This run.
        previous: The run before it.
        past: By job and check; the check is empty for the job itself.
    """
    shared = sum(1 for job in run.jobs if job.id in previous.revisions)
    is_whole = 2 * shared >= len(
        previous.revisions
    )  # a part of a profile makes nothing new or gone
    for job in run.jobs:
        if run.ended is None and job.started is None:
            continue  # its turn may still come
        yield from _changes_of(job, past, is_whole=is_whole)
        before = previous.revisions.get(job.id)
        if before is not None and before != job.revision:
            what = f"{job.id}: {before or 'unknown'}, now {job.revision or 'unknown'}"
            yield Change(kind="subject", what=what, job=job.id)
    yield from _gone(run, previous, is_whole=is_whole)


def _changes_of(
    job: JobSummary, past: Mapping[tuple[str, str], Past], *, is_whole: bool
) -> Iterator[Change]:
    """A failed job is its checks: it stands for itself only where none of them does."""
    is_known = (job.id, "") in past
    checks = [] if not is_known else list(_check_changes(job, past))
    yield from checks
    if job.outcome == "failed" and any(change.is_bad for change in checks):
        return
    if job.is_green and any(change.kind == "recovered" for change in checks):
        return
    state, severity = state_of(job), _HARMLESS if job.is_green else severity_of(job)
    cause = say_cause(job.cause)
    if not is_known:
        if is_whole:
            yield Change(
                kind="new", what=job.id, job=job.id, state=state, detail=cause, severity=severity
            )
        return
    before = past[job.id, ""]
    if before.kind != "steady":
        detail = "; ".join(words for words in (cause, before.words) if words)
        yield Change(
            kind=before.kind, what=job.id, job=job.id, state=state, detail=detail,
            severity=severity,
        )  # fmt: skip


def _check_changes(job: JobSummary, past: Mapping[tuple[str, str], Past]) -> Iterator[Change]:
    for check in job.checks:
        before = past.get((job.id, check.name))
        is_failure = check.status in BAD_CHECKS
        if before is None:
            if is_failure:
                yield _check_change(job, check, "new", "made here for the first time")
        elif before.kind != "steady":
            yield _check_change(job, check, before.kind, before.words)


def _check_change(job: JobSummary, check: Check, kind: str, words: str) -> Change:
    is_failure = check.status in BAD_CHECKS
    return Change(
        kind=kind,
        what=f"{job.id}: {check.name}",
        job=job.id,
        check=check.name,
        state=check.status,
        detail=f"{say_finding(check)}; {words}" if is_failure else words,
        severity=_CHECK_SEVERITY if is_failure else _HARMLESS,
    )


def _gone(run: RunSummary, previous: PreviousRun, *, is_whole: bool) -> Iterator[Change]:
    """Gone is what left the plan, or was not made by a job that reached its end both times."""
    if is_whole:
        for name in previous.lost_jobs:
            yield Change(kind="gone", what=name)
    ended = {job.id for job in run.jobs if job.reached_end} & previous.finished
    for name, check in previous.lost_checks:
        if name in ended:
            yield Change(kind="gone", what=f"{name}: {check}", job=name, check=check)
