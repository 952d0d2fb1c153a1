"""Find, before anything starts, the jobs for which there is never enough."""

from __future__ import annotations

from fnmatch import fnmatchcase

from proofbook.errors import RunFolderError
from proofbook.records import PlannedJob, RunInfo
from proofbook.runner.capacity import Capacity
from proofbook.runner.plan import Plan
from proofbook.runs.verdicts import HARDWARE_CHECK

__all__ = ["find_lacking", "refuse_unrunnable"]


def refuse_unrunnable(plan: Plan, capacity: Capacity) -> None:
    """Refuse a plan in which a job needs more than there is, and may not be skipped for it.

    Raises:
        ProfileError: There is such a job; file and line say where its resource is declared.
    """
    for job in plan.jobs:
        for kind, lack in capacity.lacking(job.resources).items():
            if not _may_be_skipped(job):
                message = (
                    f"job {job.id!r} {lack}; ask for less, run it on a larger machine, or add "
                    f"{HARDWARE_CHECK!r} to its allow_skips"
                )
                raise plan.resource_error(job, kind, message)


def find_lacking(info: RunInfo, capacity: Capacity) -> dict[str, str]:
    """Return what is lacking for each job that is skipped for it, by job id.

    Raises:
        RunFolderError: There is a job that may not be skipped; its run was planned elsewhere.
    """
    lacks = {job.id: "; ".join(capacity.lacking(job.resources).values()) for job in info.plan}
    for job in info.plan:
        if lacks[job.id] and not _may_be_skipped(job):
            raise RunFolderError(
                f"run {info.run_id} cannot be executed here: job {job.id!r} {lacks[job.id]}"
            )
    return {id_: lack for id_, lack in lacks.items() if lack}


def _may_be_skipped(job: PlannedJob) -> bool:
    return any(fnmatchcase(HARDWARE_CHECK, glob) for glob in job.allow_skips)
