"""What a speech server reads and answers, as data: one YAML file a contract.

``contracts/`` has one for each kind of server that is known; a person writes another beside their
profile. Sends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from proofbook.errors import SubjectError
from proofbook.yamlfile import read_yaml

__all__ = [
    "PLACEHOLDERS",
    "WAIVABLE",
    "Contract",
    "Job",
    "ModelList",
    "Profiles",
    "Request",
    "known_contracts",
    "load_contract",
]

_FOLDER = Path(__file__).with_name("contracts")
WAIVABLE = (
    "called-audio",
    "refuses-broken-body",
    "refuses-empty-text",
    "refuses-missing-text",
    "refuses-unknown-path",
    "refuses-unknown-voice",
    "speed-is-heeded",
    "voices-differ",
    "voices-listed",
)
"""Checks that a contract may waive, with its reason; all others hold for every server."""


PLACEHOLDERS = (
    "engine",
    "key",
    "language",
    "length_scale",
    "model_size",
    "normalize",
    "profile",
    "seed",
    "speed",
    "text",
    "voice",
)
"""What a request for speech may have in braces, beside the contract's own values."""
_IN_BRACES = re.compile(r"\{([a-z_]+)\}")


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), populate_by_name=True
    )


class Request(_Part):
    """A request with placeholders, as ``{text}``; see :mod:`templates` for how they are filled."""

    method: Literal["GET", "POST", "PUT", "DELETE"] = "GET"
    path: str = Field(pattern="^/")
    query: dict[str, JsonValue] = {}
    headers: dict[str, JsonValue] = {}
    body: JsonValue = Field(None, alias="json")
    """A JSON body."""
    form: dict[str, JsonValue] | None = None
    """Fields of a form."""
    text: str = ""
    """A body that is plain text."""
    file: str = ""
    """The form's field for a file, where one is sent."""

    def mentions(self, name: str) -> bool:
        """Say whether a placeholder is used anywhere."""
        return f"{{{name}}}" in self.model_dump_json()


class HealthAnswer(_Part):
    """What a healthy server answers: any success, or JSON with these fields."""

    path: str = Field(pattern="^/")
    expected: dict[str, JsonValue] = {}


class Answer(_Part):
    """Where the audio is in the answer to a request."""

    field: str = ""
    """Dotted name of a JSON field; empty where the body is the audio."""
    form: Literal["base64", "url"] = "base64"
    """What the field holds."""


class Job(_Part):
    """A generation that is followed after it was asked for."""

    id: str = "id"
    """Dotted name of the field with its number."""
    status: Request
    """Answers with server-sent events, or with one JSON object, which is asked for again."""
    state: str = "status"
    completed: tuple[str, ...] = ("completed",)
    failed: tuple[str, ...] = ("failed",)
    unknown: tuple[str, ...] = ("not_found",)
    duration: str = "duration"
    error: str = "error"
    history: Request | None = None
    """Answers with the same fields as a status."""
    cancel: Request | None = None
    audio: Request


class Profiles(_Part):
    """Voices that a client creates before it uses them."""

    create: Request
    id: str = "id"
    sample: Request | None = None
    """Uploads the speech to clone."""


class ModelList(_Part):
    """Which models are there."""

    path: str = Field(pattern="^/")
    list: str
    name: str
    downloaded: str


class Contract(_Part):
    """Everything that is known of a kind of server."""

    title: str
    options: tuple[str, ...] = ()
    """What follows the program where it is started and no whole command is given."""
    health: HealthAnswer
    prefix: str = Field("", pattern="^(/.*[^/])?$")
    """What all paths but that of the health begin with."""
    speak: Request
    answer: Answer = Answer()
    job: Job | None = None
    profiles: Profiles | None = None
    voices: Request | None = None
    """Lists the voices, in any form in which each is a JSON string or a word."""
    models: ModelList | None = None
    values: dict[str, JsonValue] = {}
    """Of placeholders that are not given otherwise."""
    waived: dict[str, str] = {}
    """Checks that do not apply, with the reason."""

    @model_validator(mode="after")
    def _has_known_placeholders(self) -> Contract:
        known = {*PLACEHOLDERS, "model", *self.values}
        used = set(_IN_BRACES.findall(self.speak.model_dump_json()))
        if unknown := sorted(used - known):
            raise ValueError(f"speak: {{{unknown[0]}}} is none of {', '.join(sorted(known))}")
        if not self.speak.mentions("text"):
            raise ValueError("speak: no {text} is sent")
        return self

    @model_validator(mode="after")
    def _says_what_it_lacks(self) -> Contract:
        unknown = sorted(set(self.waived) - set(WAIVABLE))
        if unknown:
            raise ValueError(f"waived: {unknown[0]} is not one of {', '.join(WAIVABLE)}")
        if empty := [name for name, reason in self.waived.items() if not reason.strip()]:
            raise ValueError(f"waived: {empty[0]} needs a reason")
        for check, holds in self._can_be_tried().items():
            if not holds and check not in self.waived:
                raise ValueError(f"waived: {check} cannot be tried; say why it does not apply")
        return self

    def _can_be_tried(self) -> dict[str, bool]:
        has_voice = self.speak.mentions("voice") or self.profiles is not None
        return {
            "speed-is-heeded": self.has_speed,
            "refuses-broken-body": self.speak.body is not None,
            "refuses-unknown-voice": has_voice,
            "voices-differ": has_voice,
            "voices-listed": self.voices is not None,
        }

    @property
    def has_speed(self) -> bool:
        """Whether a request says how fast is spoken."""
        return self.speak.mentions("speed") or self.speak.mentions("length_scale")


def known_contracts() -> list[str]:
    """Return the names of the contracts that come with Proofbook."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load_contract(name: str) -> Contract:
    """Return a contract by its name, or from a YAML file.

    A file with ``extends: openai`` has that contract's parts where it does not name its own; a
    path there counts from the file.

    Raises:
        SubjectError: There is none, or it is malformed.
    """
    parts = _parts(name, Path(), set())
    try:
        return Contract.model_validate(parts)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise SubjectError(f"contract {name}: {f'{where}: ' if where else ''}{what}") from error


def _parts(name: str, folder: Path, seen: set[Path]) -> Mapping[str, object]:
    known = known_contracts()
    path = _FOLDER / f"{name}.yaml" if name in known else folder / Path(name).expanduser()
    if not path.is_file():
        names = ", ".join(known)
        raise SubjectError(f"there is no contract {name!r}; give a YAML file, or one of {names}")
    if path.resolve() in seen:
        raise SubjectError(f"contract {path} extends itself")
    value = read_yaml(path).value
    if not isinstance(value, dict):
        raise SubjectError(f"contract {path} is no mapping")
    base = value.pop("extends", None)
    more = {} if base is None else _parts(str(base), path.parent, seen | {path.resolve()})
    return {**more, **value}
