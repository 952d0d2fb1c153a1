"""What a report says: one frozen model of a run, from which every form is written.

``report.json`` is this model as JSON. Knows nothing about files or about how a form looks.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue, computed_field

from proofbook.records import (
    Attempt,
    CellState,
    Check,
    CheckStatus,
    Evidence,
    Failure,
    Metric,
    OutcomeStatus,
    Output,
    Question,
    Verdict,
    seconds_between,
)
from proofbook.signoff.entries import Answer

__all__ = ["JobSummary", "RunSummary"]

_SETTLED = ("approved", "waived")


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_inf_nan="strings", use_attribute_docstrings=True
    )


class JobSummary(_Model):
    """One planned job, and what its files support."""

    id: str
    runbook: str
    outcome: OutcomeStatus
    """Never greener than the job's files support."""
    cause: str
    """One line: why it is not ``passed``."""
    allowed: bool
    """A skip that the profile allows."""
    flaky: bool
    parameters: dict[str, JsonValue]
    """Those in force."""
    named: dict[str, JsonValue] = {}
    """Of those that name outputs of other jobs: the expressions that the profile has."""
    needs: tuple[str, ...]
    allow_skips: tuple[str, ...] = ()
    """Globs of the checks that may be skipped."""
    seconds: float | None
    started: AwareDatetime | None
    ended: AwareDatetime | None
    kernel: str
    machine: str = ""
    """Where it was executed, where the run had more than one machine."""
    tested: dict[str, str] = {}
    """Revision of what was tested, by what it is."""
    checks: tuple[Check, ...]
    metrics: tuple[Metric, ...]
    evidence: tuple[Evidence, ...]
    outputs: tuple[Output, ...] = ()
    """What was left for other jobs."""
    questions: tuple[Question, ...]
    """With the statuses that people have given them."""
    answers: dict[str, tuple[Answer, ...]] = {}
    """By the question's name: those that decide its status."""
    reasons: dict[str, str] = {}
    """By the question's name: why it is not approved."""
    waived_checks: dict[str, Answer] = {}
    """By the check's name; the check stays as it is."""
    bound: dict[str, str] = {}
    """sha256 of what every answer about this job is bound to; empty where nothing is asked."""
    cells: tuple[CellState, ...]
    attempts: tuple[Attempt, ...]
    failure: Failure | None
    notebook: str
    """Path of the executed notebook from the run folder; empty where there is none."""
    log: str
    """Path of the log from the run folder; empty where there is none."""
    log_tail: tuple[str, ...]
    redacted: dict[str, dict[str, int]] = {}
    """By a file's name and a variable's: how many values were replaced in it."""
    unreadable_lines: int
    """Lines of ``records.jsonl`` that could not be read."""
    finished: bool = False
    """Whether a finish was recorded: the runbook reached its end, whatever the checks said."""
    faults: tuple[str, ...] = ()
    """What went wrong beside the checks, or a call of theirs that was refused."""
    media_problems: dict[str, str]
    """What is wrong with an evidence file, by its name under ``media/``."""

    @property
    def revision(self) -> str:
        """What was tested, in words that change with it; empty where nothing was identified."""
        return ", ".join(f"{name} {value[:12]}" for name, value in sorted(self.tested.items()))

    @property
    def is_green(self) -> bool:
        """Whether nothing about this job stands in the way of a green verdict."""
        return self.outcome == "passed" or (self.outcome == "skipped" and self.allowed)

    @property
    def reached_end(self) -> bool:
        """Whether the runbook reached its end; a job of an older report did where it passed."""
        return self.finished or self.outcome == "passed"

    @property
    def open_questions(self) -> tuple[Question, ...]:
        """Required questions that nobody has approved or waived."""
        return tuple(q for q in self.questions if q.required and q.status not in _SETTLED)

    def count(self, status: CheckStatus) -> int:
        """Count the checks in this state."""
        return sum(1 for check in self.checks if check.status == status)


class RunSummary(_Model):
    """One run, as every form of the report shows it."""

    schema_version: Literal[1] = 1
    run_id: str
    profile: str
    profile_path: str
    verdict: Verdict
    """Never greener than the run's files support."""
    cause: str
    """Why the run as a whole ended as it did, where no single job explains it."""
    started: AwareDatetime
    ended: AwareDatetime | None
    slots: int
    commit: str
    dirty: bool | None
    environment: dict[str, str]
    hardware: dict[str, float | str]
    jobs: tuple[JobSummary, ...]

    @computed_field  # type: ignore[prop-decorator]  # pydantic stacks it on property
    @property
    def seconds(self) -> float | None:
        """Wall time of the run, where it has ended."""
        return seconds_between(self.started, self.ended) if self.ended else None

    @computed_field  # type: ignore[prop-decorator]  # pydantic stacks it on property
    @property
    def counts(self) -> dict[str, int]:
        """Number of jobs in each state that occurs."""
        counts: dict[str, int] = {}
        for job in self.jobs:
            counts[job.outcome] = counts.get(job.outcome, 0) + 1
        return counts

    @computed_field  # type: ignore[prop-decorator]  # pydantic stacks it on property
    @property
    def check_counts(self) -> dict[str, int]:
        """Number of checks in each state that occurs."""
        counts: dict[str, int] = {}
        for check in (check for job in self.jobs for check in job.checks):
            counts[check.status] = counts.get(check.status, 0) + 1
        return counts

    log_problems: tuple[str, ...] = ()
    """Signs that the sign-off log was tampered with."""

    @computed_field  # type: ignore[prop-decorator]  # pydantic stacks it on property
    @property
    def open_questions(self) -> int:
        """Number of required questions that nobody has approved or waived."""
        return sum(len(job.open_questions) for job in self.jobs)
