"""The versioned records that everything else reads and writes.

A job's ``records.jsonl`` holds one record a line, appended as it was made: ``begin``, then
``identity``, ``check``, ``metric``, ``evidence``, ``output`` and ``question`` in any order, then
``finish``.
``outcome.json`` holds an :class:`Outcome`, ``run.json`` a :class:`RunInfo`. Knows nothing about
notebooks, kernels or reports.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    model_validator,
)

from proofbook.resources import Resources

__all__ = [
    "AnyRecord",
    "Attempt",
    "Begin",
    "CellState",
    "CellStatus",
    "Check",
    "CheckStatus",
    "Evidence",
    "Fact",
    "Failure",
    "Finish",
    "Identity",
    "Label",
    "MediaFile",
    "Metric",
    "Outcome",
    "OutcomeStatus",
    "Output",
    "PathContent",
    "PlannedJob",
    "Question",
    "QuestionForm",
    "QuestionStatus",
    "Resumption",
    "RunInfo",
    "Verdict",
    "now",
    "parse_record",
]

CheckStatus = Literal["passed", "failed", "error", "skipped"]
OutcomeStatus = Literal[
    "passed", "failed", "error", "timed_out", "crashed", "cancelled", "skipped", "incomplete"
]
CellStatus = Literal["completed", "failed", "interrupted", "running", "not_run"]
QuestionStatus = Literal[
    "pending", "approved", "rejected", "needs-work", "waived", "stale", "expired"
]
QuestionForm = Literal["approve", "score", "ab", "abx"]
Verdict = Literal[
    "passed", "waived", "unreviewed", "rejected", "failed", "error", "cancelled", "incomplete"
]
Label = str | int | float | bool


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_inf_nan="strings", use_attribute_docstrings=True
    )


def _ignores_earlier(*names: str) -> Any:
    """Return a validator that reads records of earlier versions: it drops keys they had."""

    @model_validator(mode="before")
    def drop(values: Any) -> Any:
        if isinstance(values, dict) and not values.keys().isdisjoint(names):
            return {name: value for name, value in values.items() if name not in names}
        return values

    return drop


class MediaFile(_Model):
    """One stored file: ``media/<sha256><suffix>`` in the run folder."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    suffix: str = Field(pattern=r"^\.[a-z0-9]{1,8}$")
    size: int = Field(ge=0)
    """Bytes."""
    media_type: str
    """IANA media type, such as ``audio/wav``."""

    @property
    def filename(self) -> str:
        """The name under ``media/``."""
        return f"{self.sha256}{self.suffix}"


class Fact(_Model):
    """One measured property of an evidence file, as a reader sees it."""

    name: str
    value: float | str
    unit: str = ""


class _Record(_Model):
    time: AwareDatetime = Field(default_factory=now)


class Begin(_Record):
    """The first record of a job: what is about to be checked, with which parameters."""

    kind: Literal["begin"] = "begin"
    schema_version: Literal[1] = 1
    runbook: str
    parameters: dict[str, JsonValue] = {}


class Identity(_Record):
    """What is being tested, exactly: two results are comparable where it is the same."""

    kind: Literal["identity"] = "identity"
    name: str
    """``model``, ``binary``, ``config``."""
    revision: str = Field(min_length=1)
    """A commit, or a hash of the contents."""


class Check(_Record):
    """One machine-verified claim."""

    kind: Literal["check"] = "check"
    name: str
    status: CheckStatus
    expected: str = ""
    """What was asked for, in words: ``30 ± 0.5 s``."""
    actual: JsonValue = None
    """The value that the check saw."""
    unit: str = ""
    why: str = ""
    """Why the claim matters; shown with a failure."""
    reason: str = ""
    """Why the check was skipped, or the exception that made it an error."""


class Metric(_Record):
    """One named number."""

    kind: Literal["metric"] = "metric"
    name: str
    value: float
    unit: str = ""
    better: Literal["higher", "lower", "neither"] = "neither"
    labels: dict[str, Label] = {}


class Evidence(_Record):
    """One media file that a person can hear, see or read, stored once under its hash."""

    kind: Literal["evidence"] = "evidence"
    name: str
    media_kind: str
    """``audio``, ``image``, ``plot``, ``text``, later ``video``: names a module of ``media``."""
    file: MediaFile
    caption: str = ""
    labels: dict[str, Label] = {}
    facts: tuple[Fact, ...] = ()
    views: dict[str, MediaFile] = {}
    """Pictures drawn of it: ``waveform``, ``spectrogram``."""

    def _ipython_display_(self) -> None:
        """Display nothing where a cell ends with it: it was drawn when it was shown."""


class PathContent(_Model):
    """What a path holds: two with the same hash hold the same bytes under the same names."""

    form: Literal["file", "folder"]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    """Bytes; of a folder, of all its files."""


class Output(_Record):
    """A value or a path that a job leaves for the jobs that need it."""

    kind: Literal["output"] = "output"
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    value: JsonValue
    """What another job's parameter becomes; of a path, its absolute form."""
    content: PathContent | None = None
    """What was there when it was recorded; None of a value."""


class Question(_Record):
    """Something only a person can answer about some evidence."""

    kind: Literal["question"] = "question"
    name: str
    text: str
    about: tuple[str, ...] = ()
    """sha256 of the evidence files that the question is about."""
    form: QuestionForm = "approve"
    """``score`` asks for 1 to 5 on each criterion; ``ab`` and ``abx`` are blind comparisons with
    the last approved take, where there is one."""
    criteria: tuple[str, ...] = ()
    """What is scored."""
    role: str = ""
    """Who must answer; empty is anyone."""
    required: bool = True
    status: QuestionStatus = "pending"

    _earlier = _ignores_earlier("scale")


class Finish(_Record):
    """The last record: the runbook reached its last cell, having made this many records."""

    kind: Literal["finish"] = "finish"
    counts: dict[str, int]
    """Number of records made before this one, by kind."""


AnyRecord = Begin | Identity | Check | Metric | Evidence | Output | Question | Finish
_RECORD: TypeAdapter[Any] = TypeAdapter(Annotated[AnyRecord, Field(discriminator="kind")])


def parse_record(line: str | bytes) -> AnyRecord:
    """Parse one line of ``records.jsonl``.

    Raises:
        pydantic.ValidationError: The line is not a record of this schema version.
    """
    record: AnyRecord = _RECORD.validate_json(line)
    return record


class CellState(_Model):
    """What became of one cell."""

    index: int
    id: str
    cell_type: str
    status: CellStatus
    seconds: float | None = None


class Failure(_Model):
    """Where and how a notebook stopped."""

    cell_index: int | None = None
    cell_id: str | None = None
    source: str = ""
    ename: str
    evalue: str
    traceback: str = ""
    """Plain text, without terminal colours."""


class Attempt(_Model):
    """One try at a job; only infrastructure faults lead to another."""

    number: int
    status: OutcomeStatus
    cause: str = ""
    started: AwareDatetime
    ended: AwareDatetime | None = None


class Outcome(_Model):
    """What became of a job. It begins as ``incomplete``."""

    schema_version: Literal[1] = 1
    job: str
    runbook: str
    status: OutcomeStatus = "incomplete"
    cause: str = ""
    """One line: why it is not ``passed``."""
    allowed: bool = False
    """Whether a skip was declared as allowed in the profile."""
    flaky: bool = False
    """Passed, but only after a retry."""
    resolved: dict[str, JsonValue] = {}
    """The parameters that name outputs of other jobs, as the notebook got them."""
    failure: Failure | None = None
    cells: tuple[CellState, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    kernel: str = ""
    """``warm`` or ``ordinary``."""
    notebook_sha256: str = ""
    """Hash of the runbook file that was executed."""
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
        return (self.ended - self.started).total_seconds()


class PlannedJob(_Model):
    """One runbook with one set of parameters, as the plan has it."""

    id: str
    runbook: str
    parameters: dict[str, JsonValue] = {}
    """The parameters that the profile sets; all others keep the notebook's default. One may hold
    ``${{ jobs.<id>.outputs.<name> }}``, which is resolved when the job starts."""
    needs: tuple[str, ...] = ()
    timeout: float
    """Seconds for the whole job."""
    cell_timeout: float | None = None
    retries: int = 0
    allow_skips: tuple[str, ...] = ()
    """Glob patterns of check names that may be skipped."""
    hardware: dict[str, float] = {}
    """Least amounts: ``gpu``, ``memory_gb``, ``disk_gb``, ``cores``."""
    requires: dict[str, str] = {}
    """What to install, by the name of what the machine must have: ``objdump``: ``binutils``."""
    memory_limit_gb: float | None = None
    """The job's processes are ended above this."""
    resources: Resources = Resources()


class Resumption(_Model):
    """A later try at the same run, and what it was made with."""

    time: AwareDatetime = Field(default_factory=now)
    commit: str = ""
    dirty: bool | None = None
    environment: dict[str, str] = {}


class RunInfo(_Model):
    """One execution of a profile."""

    schema_version: Literal[1] = 1
    run_id: str
    profile: str
    profile_path: str = ""
    verdict: Verdict = "incomplete"
    plan: tuple[PlannedJob, ...]
    slots: int = 1
    """How many jobs ran at a time."""
    warm: tuple[str, ...] = ()
    """What warm kernels had imported."""
    timeout: float | None = None
    """Seconds for the whole run."""
    commit: str = ""
    dirty: bool | None = None
    environment: dict[str, str] = {}
    hardware: dict[str, float | str] = {}
    resumed: tuple[Resumption, ...] = ()
    started: AwareDatetime = Field(default_factory=now)
    ended: AwareDatetime | None = None

    _earlier = _ignores_earlier("cause")
