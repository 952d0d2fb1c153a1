"""The files of one job, as an execution leaves them, and ways to read them back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from executed import write_notebook

from proofbook.files import atomic_write
from proofbook.records import AnyRecord, Begin, Check, Evidence, Finish, Outcome, PlannedJob
from proofbook.runs.folder import JobFolder, RunFolder
from proofbook.runs.media_index import MediaIndex
from proofbook.runs.media_store import store_media
from proofbook.runs.reading import read_job
from proofbook.runs.verdicts import JudgedJob, Stop, judge_job

JOB = PlannedJob(id="job-1", runbook="musicgen/generate", timeout=60, allow_skips=("cuda-*",))
PASSED = Check(name="exists", status="passed")
FAILED = Check(name="duration", status="failed")
ERROR = Check(name="loudness", status="error", reason="ValueError: too short")
ALLOWED = Check(name="cuda-memory", status="skipped", reason="no CUDA device")
FORBIDDEN = Check(name="api-key", status="skipped", reason="no key")


def whole(*records: AnyRecord) -> list[AnyRecord]:
    """Put a truthful begin and finish around the records."""
    inside: list[AnyRecord] = [Begin(runbook=JOB.runbook), *records]
    counts: dict[str, int] = {}
    for record in inside:
        counts[record.kind] = counts.get(record.kind, 0) + 1
    return [*inside, Finish(counts=counts)]


class JobFiles:
    """One job in a run folder."""

    def __init__(self, run: Path, job: PlannedJob = JOB) -> None:
        self.run, self.job = RunFolder(run), job
        self.folder: JobFolder = self.run.job(job.id)

    def write(self, records: Sequence[AnyRecord], *cells: dict[str, Any]) -> JobFiles:
        """Write the records, and a notebook of these cells."""
        write_notebook(self.folder.notebook, *cells, records=records)
        lines = [record.model_dump_json() for record in records]
        atomic_write(self.folder.records, "".join(f"{line}\n" for line in lines))
        return self

    def write_outcome(self, status: str, **fields: Any) -> JobFiles:
        values = {"job": self.job.id, "runbook": self.job.runbook, "status": status, **fields}
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self.folder.write_outcome(Outcome.model_validate(values))
        return self

    def store(self) -> Evidence:
        """Store an evidence file with one view."""
        return Evidence(
            name="clip",
            media_kind="audio",
            file=store_media(self.run.media, b"sound", ".wav"),
            views={"waveform": store_media(self.run.media, b"picture", ".png")},
        )

    def judge(self, stop: Stop | None = None) -> tuple[str, str, bool]:
        """Judge them as the runner does: status, cause, allowed."""
        outcome = self.judge_all(stop).outcome
        return outcome.status, outcome.cause, outcome.allowed

    def judge_all(self, stop: Stop | None = None) -> JudgedJob:
        """Judge them as the runner does, with all that was read."""
        return judge_job(self.job, self.folder, MediaIndex(self.run.media), stop)

    def read(self) -> Outcome:
        """Read them back as a report does."""
        return read_job(self.job, self.folder, MediaIndex(self.run.media)).outcome
