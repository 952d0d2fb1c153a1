"""Turn planned jobs into specs for an executor, and its results into files of the run folder."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path

from proofbook.notebooks import Runbook, content_hash
from proofbook.records import Attempt, Outcome, PlannedJob, RunInfo, now
from proofbook.resources import Resources
from proofbook.runner.attempts import may_retry, refuse_stale
from proofbook.runner.capacity import Allocation, Capacity
from proofbook.runner.executors.protocol import InfrastructureFault, JobResult, JobSpec
from proofbook.runner.outcomes import OutcomeWriter, ended
from proofbook.runner.resolution import path_inputs, read_outputs, resolve_parameters
from proofbook.runner.schedule import Obstacle, Start
from proofbook.runner.source import decode_notebook
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_index import MediaIndex
from proofbook.runs.media_store import store_media
from proofbook.runs.reading import read_job

__all__ = ["Handover"]

_MEDIA_NAME = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{1,8}")
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


@dataclass(frozen=True, kw_only=True)
class Handover:
    """The run's side of an executor."""

    info: RunInfo
    writer: OutcomeWriter
    runbooks: Mapping[str, Runbook]
    capacity: Capacity
    lacking: Mapping[str, str] = field(default_factory=dict)
    """By job id: what it needs and no machine has, where the profile allows that it is skipped."""
    deadline: float | None = None
    """Of the run, on the monotonic clock."""
    root: Path | None = None
    """The project's folder, which a job finds again wherever its own folder is."""

    @cached_property
    def hides_gpus(self) -> bool:
        """Whether a job that declares no GPU sees none: so where another job of the plan does."""
        return bool(self.capacity.gpus) and any(job.resources.gpus for job in self.info.plan)

    def spec(self, start: Start, earlier: tuple[Attempt, ...] = ()) -> JobSpec:
        """Return what an executor needs for an attempt.

        Raises:
            OSError: The runbook cannot be read any more.
            UnresolvedError: An output was not made, has changed, or does not fit.
        """
        job = start.job
        runbook = self.runbooks[job.runbook]
        path = runbook.path
        notebook = path.read_bytes()
        lacking = self.lacking.get(job.id, "")
        outputs_of = cache(partial(read_outputs, self.writer.run))
        return JobSpec(
            run_id=self.info.run_id,
            job=job,
            notebook=decode_notebook(notebook),
            notebook_sha256=content_hash(notebook),
            notebook_path=str(path),
            environment=self._environment(job, start.allocation),
            seconds_left=None if self.deadline is None else self.deadline - time.monotonic(),
            # A job that is skipped for what the machine lacks does not miss an output.
            resolved={} if lacking else resolve_parameters(job, runbook, outputs_of),
            inputs=() if lacking else path_inputs(job, outputs_of),
            lacking=lacking,
            earlier=earlier,
        )

    def accept(self, spec: JobSpec, future: Future[JobResult]) -> Outcome:
        """Return the outcome of an attempt; its files are in the run folder by then.

        Does not raise: a lost attempt has crashed, and what cannot be stored is an error.
        """
        try:
            result = future.result()
            refuse_stale(result.outcome, spec)
        except Exception as error:  # noqa: BLE001 - it becomes the outcome of the attempt
            return self._write_lost(spec, error)
        try:
            if result.brought is not None:
                return self._adopt(spec, result.outcome, result.brought)
        except OSError as error:
            return self.write_fault(spec.job, error, spec.earlier)
        return result.outcome

    def may_retry(self, spec: JobSpec, outcome: Outcome) -> bool:
        """Say whether another attempt at a job follows."""
        return may_retry(spec.job, outcome, self.writer.run.job(spec.job.id).records)

    def refuse(
        self, job: PlannedJob, obstacle: Obstacle, earlier: tuple[Attempt, ...] = ()
    ) -> Outcome:
        """Write down that a job is not started, and why; return the outcome."""
        outcome = Outcome(
            job=job.id,
            runbook=job.runbook,
            status=obstacle.status,
            cause=self.writer.redact(obstacle.reason),
            attempts=earlier,
            ended=now(),
        )
        self.writer.open_folder(job.id)
        self.writer.write(outcome)
        return outcome

    def write_fault(
        self, job: PlannedJob, error: Exception, earlier: tuple[Attempt, ...] = ()
    ) -> Outcome:
        """Write down that a job could not be sent or stored; return the outcome."""
        started = now()
        begun = Outcome(job=job.id, runbook=job.runbook, attempts=earlier, started=started)
        self.writer.open_folder(job.id)
        return self.writer.write_fault(begun, started, error)

    def _adopt(self, spec: JobSpec, outcome: Outcome, brought: Path) -> Outcome:
        """Take what an executor brought into the run folder; return what these files support."""
        run, theirs = self.writer.run, RunFolder(brought)
        for file in theirs.media.iterdir() if theirs.media.is_dir() else ():
            if _MEDIA_NAME.fullmatch(file.name) and not file.is_symlink():
                store_media(run.media, file, file.suffix)  # under the hash that it really has
        folder = self.writer.open_folder(spec.job.id)
        for path in theirs.job(spec.job.id).path.iterdir():
            shutil.move(path, folder.path / path.name)
        self.writer.write(outcome)
        supported = read_job(spec.job, folder, MediaIndex(run.media)).outcome
        self.writer.write(supported)
        return supported

    def _write_lost(self, spec: JobSpec, error: Exception) -> Outcome:
        started = now()
        lost = Outcome(
            job=spec.job.id,
            runbook=spec.job.runbook,
            status="crashed",
            cause=f"the attempt was lost: {error}",
            notebook_sha256=spec.notebook_sha256,
            attempts=spec.earlier,
            started=started,
        )
        outcome = ended(lost, started, infrastructure=isinstance(error, InfrastructureFault))
        folder = self.writer.run.job(spec.job.id)
        folder.path.mkdir(parents=True, exist_ok=True)
        if folder.outcome.exists():
            folder.set_aside()  # else there is what was seen of this attempt
        self.writer.write(outcome)
        return outcome

    def _environment(self, job: PlannedJob, allocation: Allocation) -> dict[str, str]:
        """Return the project, and what keeps a kernel to the CPUs and GPUs of its job."""
        environment = _threads(job.resources, self.capacity)
        if allocation.gpus or self.hides_gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(allocation.gpus)
        if self.root is not None:
            environment["PROOFBOOK_PROJECT"] = str(self.root)
        return environment


def _threads(resources: Resources, capacity: Capacity) -> dict[str, str]:
    """Return the threads of numeric libraries: as declared, else as the user or a slot has them."""
    if resources.cpus is not None:
        return dict.fromkeys(_THREAD_VARIABLES, str(resources.cpus))
    share = str(max(1, int(capacity.request(resources).cpus)))
    return {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", share)}
