"""The lines of ``signoffs.jsonl``: answers of people, and seals of what they were shown.

Each line names the hash of the line before it. A line is the canonical form of its entry, so that
no byte of it can change unnoticed. Knows nothing about files.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from proofbook.records import now

__all__ = [
    "FIRST",
    "Answer",
    "AnswerFields",
    "AnswerVerdict",
    "Binding",
    "Comparison",
    "Entry",
    "Reviewer",
    "Seal",
    "Signature",
    "Subject",
    "canonical",
    "line_hash",
    "parse_entry",
]

FIRST = "0" * 64
"""What the first line names as the hash of the one before it."""

AnswerVerdict = Literal["approved", "rejected", "needs-work", "waived"]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Reviewer(_Model):
    """Who answered, as far as it is known."""

    name: str = Field(min_length=1, max_length=200)
    role: str = Field(default="", max_length=200)
    identified_by: str = Field(default="declared", max_length=200)
    """How: ``declared``, ``declared with the server's token``, ``exported file``."""


class Subject(_Model):
    """One file that was looked at or listened to."""

    name: str
    sha256: _Sha256
    size: int = Field(ge=0)
    media_type: str


class Binding(_Model):
    """What an answer was given for: change any of it, and the answer is stale."""

    run: str
    job: str
    question: str
    """The question's name; ``check:`` and its name for a check that is waived."""
    subjects: tuple[Subject, ...] = ()
    notebook_sha256: str
    """Of the executed notebook; empty where there is none."""
    parameters_sha256: _Sha256
    checks_sha256: _Sha256
    """Of names, results, expectations and values of all checks of the job."""


class Comparison(_Model):
    """A blind comparison with the last approved take."""

    form: Literal["ab", "abx"]
    approved_sha256: _Sha256
    """The take that this one was compared with."""
    preferred: Literal["this", "approved", "neither"] | None = None
    """Of an A/B."""
    trials: int = Field(default=0, ge=0)
    """Of an ABX."""
    correct: int = Field(default=0, ge=0)


class Signature(_Model):
    """An Ed25519 signature over the answer as an in-toto Statement in DSSE's encoding."""

    algorithm: Literal["ed25519"] = "ed25519"
    key: str
    """The public key, as OpenSSH writes it, without comment."""
    value: str
    """Base64."""


class AnswerFields(_Model):
    """What a person answers to a question, before it is bound to anything."""

    verdict: AnswerVerdict
    comment: str = Field(default="", max_length=10_000)
    scores: dict[str, int] = {}
    """1 to 5, by criterion."""
    comparison: Comparison | None = None
    blind: bool = False
    """Whether metrics and names were hidden until it was given."""
    seconds_played: dict[str, float] = {}
    """By sha256 of the file."""
    supersedes: tuple[str, ...] = ()
    """Ids of the answers that it replaces."""
    expires: AwareDatetime | None = None


class _Line(_Model):
    schema_version: Literal[1] = 1
    number: int = Field(ge=0)
    previous: _Sha256
    time: AwareDatetime = Field(default_factory=now)


class Answer(_Line, AnswerFields):
    """What one person answered to one question."""

    kind: Literal["answer"] = "answer"
    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    reviewer: Reviewer
    meaning: str
    """What the answer stands for, in words."""
    binding: Binding
    signature: Signature | None = None


class Seal(_Line):
    """Every file of the run as it was when it ended, or, of an unsealed one, before any answer."""

    kind: Literal["seal"] = "seal"
    run: str
    files: dict[str, tuple[int, str]]
    """Size and sha256, by path in the run folder."""
    changed: tuple[str, ...] = ()
    """Which files did not fit the seal before it when a resumed run found them, and how."""


Entry = Annotated[Answer | Seal, Field(discriminator="kind")]
_ENTRY: TypeAdapter[Any] = TypeAdapter(Entry)


def canonical(value: BaseModel | dict[str, Any]) -> str:
    """Return the one form of an entry as JSON: sorted keys, no spaces, no line breaks."""
    values = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def line_hash(line: str | bytes) -> str:
    """Return the sha256 of a line, without its line break."""
    data = line.encode() if isinstance(line, str) else line
    return hashlib.sha256(data).hexdigest()


def parse_entry(line: str | bytes) -> Answer | Seal:
    """Parse one line.

    Raises:
        pydantic.ValidationError: It is not an entry of this version.
    """
    entry: Answer | Seal = _ENTRY.validate_json(line)
    return entry
