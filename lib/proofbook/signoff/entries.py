"""The lines of ``signoffs.jsonl``: answers of people, seals of what they were shown, what a person
accepted of what has changed since, and what was appended to other copies of the log.

Each line names the hash of the line before it. A line is the canonical form of its entry, so that
no byte of it can change unnoticed. Knows nothing about files.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from proofbook.records import now

__all__ = [
    "FIRST",
    "Acceptance",
    "Answer",
    "AnswerFields",
    "AnswerVerdict",
    "Binding",
    "Branch",
    "Change",
    "Comparison",
    "Entry",
    "Merge",
    "Problem",
    "Reviewer",
    "Seal",
    "Signature",
    "SignedEntry",
    "Subject",
    "canonical",
    "line_hash",
    "parse_entry",
]

FIRST = "0" * 64
"""What the first line names as the hash of the one before it."""

AnswerVerdict = Literal["approved", "rejected", "needs-work", "waived"]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_HIDING = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Unicode's categories of what is not seen, or changes how the rest is seen."""


class Problem(NamedTuple):
    """What is wrong: one word for its kind, and one line."""

    word: str
    text: str


def _as_seen(text: str) -> str:
    """Return a name in one form.

    Raises:
        ValueError: It holds characters that are not seen, or that turn the others around.
    """
    for character in text:
        if unicodedata.category(character) in _HIDING:
            name = unicodedata.name(character, f"U+{ord(character):04X}")
            raise ValueError(f"it holds a character that cannot be seen: {name}")
    return " ".join(unicodedata.normalize("NFC", text).split())


_Name = Annotated[str, Field(max_length=200), AfterValidator(_as_seen)]


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )


class Reviewer(_Model):
    """Who answered, as far as it is known."""

    name: Annotated[_Name, Field(min_length=1)]
    role: _Name = ""
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
    question_sha256: str = ""
    """Of its text, form, role, criteria, and whether it is required; empty for a check, and in
    answers of the first edition."""
    plan_sha256: str = ""
    """Of every job of the plan; empty in answers of the first edition."""
    made_with_sha256: str = ""
    """Of profile, commit, environment and machine of the run; empty in answers of an earlier
    edition."""


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
    """An Ed25519 signature over the entry as an in-toto Statement in DSSE's encoding."""

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


class Change(_Model):
    """How one file differs from what was sealed."""

    kind: Literal["changed", "gone"]
    path: str

    @property
    def text(self) -> str:
        """The change in words."""
        return f"{self.path} {'is gone' if self.kind == 'gone' else 'has been changed'}"


class Seal(_Line):
    """Every file of the run as it was when it ended, or, of an unsealed one, before any answer."""

    kind: Literal["seal"] = "seal"
    run: str
    files: dict[str, tuple[int, str]]
    """Size and sha256, by path in the run folder."""
    changed: tuple[Change, ...] = ()
    """What did not fit the seal before it when a resumed run found it."""


class Acceptance(_Line):
    """A person knows that files are not as they were sealed, and answers for them as they are."""

    kind: Literal["acceptance"] = "acceptance"
    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    run: str
    reviewer: Reviewer
    files: dict[str, tuple[int, str] | None]
    """Size and sha256 as accepted, by path in the run folder; None where a file is gone."""
    comment: str = Field(min_length=1, max_length=10_000)
    signature: Signature | None = None


class Branch(_Model):
    """Lines of another copy of this log, which follow one that is known here.

    They stay in a chain of their own: each names the hash of the one before it, and a signature
    covers both, so that none of them could follow the last line here.
    """

    fork: _Sha256
    """Hash of the known line; zeros where there is none before."""
    lines: tuple[str, ...] = Field(min_length=1)
    """As they are there; of one that merged other copies only its hash, as what it brought is in
    branches of their own."""
    merges: dict[_Sha256, str] = {}
    """Each of those by its hash, with hashes in place of the lines that it brought: with them it
    has that hash, so that nothing else is left out."""


class Merge(_Line):
    """What was appended to another copy of this log."""

    kind: Literal["merge"] = "merge"
    run: str
    branches: tuple[Branch, ...] = Field(min_length=1)
    """In an order in which each follows a line that is known."""


SignedEntry = Answer | Acceptance
Entry = Answer | Seal | Acceptance | Merge
_ENTRY: TypeAdapter[Any] = TypeAdapter(Annotated[Entry, Field(discriminator="kind")])


def canonical(value: BaseModel | dict[str, Any]) -> str:
    """Return the one form of an entry as JSON: sorted keys, no spaces, no line breaks."""
    values = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def line_hash(line: str | bytes) -> str:
    """Return the sha256 of a line, without its line break."""
    data = line.encode() if isinstance(line, str) else line
    return hashlib.sha256(data).hexdigest()


def parse_entry(line: str | bytes) -> Entry:
    """Parse one line.

    Raises:
        pydantic.ValidationError: It is not an entry of this version.
    """
    entry: Entry = _ENTRY.validate_json(line)
    return entry
