"""The lines of a job's ``records.jsonl``: what a notebook writes down as it goes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, JsonValue, TypeAdapter

from proofbook.records.base import Identifier, Model, ignores_earlier, now

__all__ = [
    "AnyRecord",
    "Begin",
    "Check",
    "CheckStatus",
    "Evidence",
    "Fact",
    "Fault",
    "Finish",
    "Identity",
    "Label",
    "MediaFile",
    "Metric",
    "Output",
    "PathContent",
    "Question",
    "QuestionForm",
    "QuestionStatus",
    "parse_record",
]

CheckStatus = Literal["passed", "failed", "error", "skipped"]
QuestionStatus = Literal[
    "pending", "approved", "rejected", "needs-work", "waived", "untrusted", "stale", "expired"
]
QuestionForm = Literal["approve", "score", "ab", "abx"]
Label = str | int | float | bool


class MediaFile(Model):
    """One stored file: ``media/<sha256><suffix>`` in the run folder."""

    sha256: Identifier = Field(pattern=r"^[0-9a-f]{64}$")
    suffix: Identifier = Field(pattern=r"^\.[a-z0-9]{1,8}$")
    size: int = Field(ge=0)
    """Bytes."""
    media_type: Identifier
    """IANA media type, such as ``audio/wav``."""

    @property
    def filename(self) -> str:
        """The name under ``media/``."""
        return f"{self.sha256}{self.suffix}"


class Fact(Model):
    """One measured property of an evidence file, as a reader sees it."""

    name: str
    value: float | str
    unit: str = ""


class _Record(Model):
    time: AwareDatetime = Field(default_factory=now)
    cell: Identifier = ""
    """Id of the cell that made it, where the kernel was told."""


class Begin(_Record):
    """The first record of a job: what is about to be checked, with which parameters."""

    kind: Literal["begin"] = "begin"
    schema_version: Literal[1] = 1
    runbook: Identifier
    parameters: dict[str, JsonValue] = Field(default_factory=dict)


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
    labels: dict[str, Label] = Field(default_factory=dict)


class Evidence(_Record):
    """One media file that a person can hear, see or read, stored once under its hash."""

    kind: Literal["evidence"] = "evidence"
    name: str
    media_kind: Identifier
    """``audio``, ``image``, ``plot``, ``text``, later ``video``: names a module of ``media``."""
    file: MediaFile
    caption: str = ""
    labels: dict[str, Label] = Field(default_factory=dict)
    facts: tuple[Fact, ...] = ()
    views: dict[str, MediaFile] = Field(default_factory=dict)
    """Pictures drawn of it: ``waveform``, ``spectrogram``."""

    def _ipython_display_(self) -> None:
        """Display nothing where a cell ends with it: it was drawn when it was shown."""


class PathContent(Model):
    """What a path holds: two with the same hash hold the same bytes under the same names."""

    form: Literal["file", "folder"]
    sha256: Identifier = Field(pattern=r"^[0-9a-f]{64}$")
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
    about: tuple[Identifier, ...] = ()
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

    _earlier = ignores_earlier("scale")


class Fault(_Record):
    """Something that went wrong beside the checks, or a call of theirs that was refused: whatever
    it was about is not proven, though nobody may have noticed."""

    kind: Literal["fault"] = "fault"
    what: str = Field(min_length=1)
    """One line: ``expect('size') was refused: …``, ``thread loader raised ValueError: …``."""


class Finish(_Record):
    """The last record: the runbook reached its last cell, having made this many records."""

    kind: Literal["finish"] = "finish"
    counts: dict[Identifier, int]
    """Number of records made before this one, by kind."""


AnyRecord = Begin | Identity | Check | Metric | Evidence | Output | Question | Fault | Finish
_RECORD: TypeAdapter[Any] = TypeAdapter(Annotated[AnyRecord, Field(discriminator="kind")])


def parse_record(line: str | bytes) -> AnyRecord:
    """Parse one line of ``records.jsonl``.

    Raises:
        pydantic.ValidationError: The line is not a record of this schema version.
    """
    record: AnyRecord = _RECORD.validate_json(line)
    return record
