"""What this machine lacks of what a job needs: found before its kernel starts, and written down.

Knows nothing about how a job is executed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from proofbook.files import append_line
from proofbook.hardware import missing
from proofbook.records import Begin, Check, Finish, PlannedJob
from proofbook.requirements import unmet
from proofbook.runs.folder import JobFolder
from proofbook.runs.verdicts import HARDWARE_CHECK, REQUIREMENTS_CHECK

__all__ = ["describe_lacks", "find_lacks", "record_lacks"]


def find_lacks(job: PlannedJob, folder: Path) -> dict[str, str]:
    """Return what is lacking, as one line, by the name of the check that says so.

    Args:
        job: What is planned.
        folder: Where it will write.
    """
    sentences = {
        HARDWARE_CHECK: missing(job.hardware, folder) if job.hardware else [],
        REQUIREMENTS_CHECK: unmet(job.requires),
    }
    return {check: "; ".join(each) for check, each in sentences.items() if each}


def describe_lacks(plan: Iterable[PlannedJob], folder: Path) -> str:
    """Return what the machine lacks for which jobs, as one line; empty where nothing is lacking."""
    needs: dict[str, list[PlannedJob]] = {}
    for job in plan:
        if job.hardware or job.requires:
            needs.setdefault(repr((job.hardware, job.requires)), []).append(job)
    lines = []
    for jobs in needs.values():
        if lacks := find_lacks(jobs[0], folder):
            more = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
            lines.append(f"{jobs[0].id}{more}: {'; '.join(lacks.values())}")
    return "; ".join(lines)


def record_lacks(job: PlannedJob, folder: JobFolder, lacks: dict[str, str]) -> None:
    """Write the records of a job that cannot start here: a skipped check for each lack."""
    begin = Begin(runbook=job.runbook, parameters=job.parameters)
    checks = [Check(name=name, status="skipped", reason=lacks[name]) for name in lacks]
    finish = Finish(counts={"begin": 1, "check": len(checks)})
    for record in (begin, *checks, finish):
        append_line(folder.records, record.model_dump_json())
