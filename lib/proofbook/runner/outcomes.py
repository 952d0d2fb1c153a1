"""Write outcomes into a run folder: without secrets, and even where the disk is full."""

from __future__ import annotations

import contextlib
import traceback
from dataclasses import dataclass, field
from datetime import datetime

from proofbook.checks.exceptions import describe
from proofbook.records import Attempt, Outcome, now
from proofbook.runner.logs import JobLog
from proofbook.runner.reserve import Reserve
from proofbook.runs.folder import JobFolder, RunFolder
from proofbook.runs.redaction import Redactor

__all__ = ["OutcomeWriter", "ended"]


@dataclass(frozen=True, kw_only=True)
class OutcomeWriter:
    """Writes the outcomes of a run's jobs."""

    run: RunFolder
    reserve: Reserve
    redact: Redactor = field(default_factory=Redactor.from_environment)

    def open_folder(self, job: str) -> JobFolder:
        """Make a job's folder, empty but for what earlier attempts left in ``attempts/``."""
        folder = self.run.job(job)
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.set_aside()
        return folder

    def write(self, outcome: Outcome) -> None:
        """Replace a job's ``outcome.json``.

        Raises:
            OSError: It cannot be written, even with the reserve given up.
        """
        folder = self.run.job(outcome.job)
        self.reserve.writing(lambda: folder.write_outcome(outcome, self.redact))

    def write_fault(self, begun: Outcome, started: datetime, error: BaseException) -> Outcome:
        """Write down that the harness itself could not execute a job; return the outcome."""
        what = self.redact(describe(error))
        update = {"status": "error", "cause": f"the job could not be executed: {what}"}
        outcome = ended(begun.model_copy(update=update), started)
        with contextlib.suppress(OSError):
            with JobLog(self.run.job(begun.job).log, self.redact) as log:
                log.write("".join(traceback.format_exception(error)))
            self.write(outcome)
        return outcome


def ended(outcome: Outcome, started: datetime, *, infrastructure: bool = False) -> Outcome:
    """Return the outcome of an attempt that began at ``started`` and ends now.

    ``infrastructure`` says that its machine was lost, and not the job's own kernel.
    """
    moment = now()
    attempt = Attempt(
        number=len(outcome.attempts) + 1,
        status=outcome.status,
        cause=outcome.cause,
        started=started,
        ended=moment,
        infrastructure=infrastructure,
    )
    return outcome.model_copy(update={"attempts": (*outcome.attempts, attempt), "ended": moment})
