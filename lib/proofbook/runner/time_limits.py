"""The time limit of a job whose parameters hold time limits of their own.

A config model may have a method ``longest_seconds``: how long a job with these parameters may take
while everything keeps to its own limit. Where the profile gives the job no limit, it gets at least
that; where it gives a smaller one, the plan is refused, as the job would be ended before its own
limits could tell what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from proofbook.notebooks import Runbook
from proofbook.records import PlannedJob
from proofbook.runner.entries import Source
from proofbook.runner.parameters import ParameterVerifier

__all__ = ["fit_time_limits"]


def fit_time_limits(
    jobs: Iterable[PlannedJob],
    runbooks: Mapping[str, Runbook],
    sources: Mapping[str, Source],
    verifier: ParameterVerifier,
) -> list[PlannedJob]:
    """Return jobs whose limits are at least what their parameters allow them to take.

    Raises:
        ProfileError: An entry's own ``timeout`` is less than that.
    """
    fitted = []
    for job in jobs:
        needed = verifier.longest_seconds(job.parameters, runbooks[job.runbook])
        source = sources.get(job.id)
        if needed is None or needed <= job.timeout:
            fitted.append(job)
        elif source is None or source.entry.timeout is None:
            fitted.append(job.model_copy(update={"timeout": needed}))
        else:
            raise source.error(_contradiction(job, needed), "timeout")
    return fitted


def _contradiction(job: PlannedJob, needed: float) -> str:
    return (
        f"job {job.id} may take {needed:g} s by the time limits among its parameters, and its own "
        f"timeout is {job.timeout:g} s; leave timeout out, raise it, or lower those"
    )
