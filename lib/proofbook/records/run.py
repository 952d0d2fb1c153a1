"""What the runner writes: ``outcome.json`` of a job, ``run.json`` of a run."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from proofbook.records.base import Identifier, Model, ignores_earlier, now, seconds_between
from proofbook.resources import Resources

__all__ = [
    "Attempt",
    "CellState",
    "CellStatus",
    "Failure",
    "Node",
    "Outcome",
    "OutcomeStatus",
    "PlannedJob",
    "Resumption",
    "RunInfo",
    "Verdict",
]

OutcomeStatus = Literal[
    "passed", "failed", "error", "timed_out", "crashed", "cancelled", "skipped", "incomplete"
]
CellStatus = Literal["completed", "failed", "interrupted", "running", "not_run"]
Verdict = Literal[
    "passed", "waived", "unreviewed", "rejected", "failed", "error", "cancelled", "incomplete"
]


class CellState(Model):
    """What became of one cell."""

    index: int
    id: Identifier
    cell_type: Identifier
    status: CellStatus
    seconds: float | None = None


class Failure(Model):
    """Where and how a notebook stopped."""

    cell_index: int | None = None
    cell_id: Identifier | None = None
    source: str = ""
    ename: str
    evalue: str
    traceback: str = ""
    """Plain text, without terminal colours."""


class Attempt(Model):
    """One try at a job; only infrastructure faults lead to another."""

    number: int
    status: OutcomeStatus
    cause: str = ""
    started: AwareDatetime
    ended: AwareDatetime | None = None
    infrastructure: bool = False
    """Whether its machine was lost, or the way there: that says nothing about the job."""


class Node(Model):
    """The machine that executed a job, where that is not the run's own."""

    name: str
    """Its host name, and the beginning of what its cluster calls it."""
    environment: dict[Identifier, str] = Field(default_factory=dict)
    """Versions, as the run has them of its own machine."""
    hardware: dict[Identifier, float | str] = Field(default_factory=dict)


class Outcome(Model):
    """What became of a job. It begins as ``incomplete``."""

    schema_version: Literal[1] = 1
    job: Identifier
    runbook: Identifier
    status: OutcomeStatus = "incomplete"
    cause: str = ""
    """One line: why it is not ``passed``."""
    allowed: bool = False
    """Whether a skip was declared as allowed in the profile."""
    flaky: bool = False
    """Passed, but only after a retry."""
    resolved: dict[str, JsonValue] = Field(default_factory=dict)
    """The parameters that name outputs of other jobs, as the notebook got them."""
    failure: Failure | None = None
    cells: tuple[CellState, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    kernel: Identifier = ""
    """``warm`` or ``ordinary``."""
    node: Node | None = None
    """Where it was executed, where that is another machine than the run's."""
    notebook_sha256: Identifier = ""
    """Hash of the runbook that was executed: of its cells' types, ids, tags and sources."""
    started: AwareDatetime | None = None
    ended: AwareDatetime | None = None

    @property
    def is_green(self) -> bool:
        """Whether the job passed, or was skipped as the profile allows."""
        return self.status == "passed" or (self.status == "skipped" and self.allowed)

    @property
    def seconds(self) -> float | None:
        """Wall time of the job, where it has ended."""
        if self.started is None or self.ended is None:
            return None
        return seconds_between(self.started, self.ended)


class PlannedJob(Model):
    """One runbook with one set of parameters, as the plan has it."""

    id: Identifier
    runbook: Identifier
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """The parameters that the profile sets; all others keep the notebook's default. One may hold
    ``${{ jobs.<id>.outputs.<name> }}``, which is resolved when the job starts."""
    needs: tuple[Identifier, ...] = ()
    timeout: float
    """Seconds for the whole job."""
    cell_timeout: float | None = None
    retries: int = 0
    allow_skips: tuple[str, ...] = ()
    """Glob patterns of check names that may be skipped."""
    hardware: dict[Identifier, float] = Field(default_factory=dict)
    """Least amounts: ``gpu``, ``memory_gb``, ``disk_gb``, ``cores``."""
    requires: dict[Identifier, str] = Field(default_factory=dict)
    """What to install, by the name of what the machine must have: ``objdump``: ``binutils``."""
    memory_limit_gb: float | None = None
    """The job's processes are ended above this."""
    resources: Resources = Resources()


class Resumption(Model):
    """A later try at the same run, and what it was made with."""

    time: AwareDatetime = Field(default_factory=now)
    commit: Identifier = ""
    dirty: bool | None = None
    environment: dict[Identifier, str] = Field(default_factory=dict)
    machine: str = ""
    """Host name of where it was made; empty in runs of an earlier version."""
    log_head: str = ""
    """Hash of the last line of the sign-off log at that time, zeros where there was none; empty in
    runs of an earlier version."""


class RunInfo(Model):
    """One execution of a profile."""

    schema_version: Literal[1] = 1
    run_id: Identifier
    profile: Identifier
    profile_path: str = ""
    verdict: Verdict = "incomplete"
    plan: tuple[PlannedJob, ...]
    slots: int = 1
    """How many jobs ran at a time."""
    warm: tuple[Identifier, ...] = ()
    """What warm kernels had imported."""
    timeout: float | None = None
    """Seconds for the whole run."""
    commit: Identifier = ""
    dirty: bool | None = None
    environment: dict[Identifier, str] = Field(default_factory=dict)
    hardware: dict[Identifier, float | str] = Field(default_factory=dict)
    machine: str = ""
    """Host name of where it was begun; empty in runs of an earlier version."""
    resumed: tuple[Resumption, ...] = ()
    started: AwareDatetime = Field(default_factory=now)
    ended: AwareDatetime | None = None

    _earlier = ignores_earlier("cause")
