"""Which models are exercised: rows of engine, size and voice, read and chosen.

Knows the names that the server's list of models has for them. Sends nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proofbook.errors import SubjectError

__all__ = ["CLONED", "DEFAULT", "NO_MODEL", "Row", "choose_rows", "plan_rows"]

CLONED = "cloned"
"""The voice of a row that clones the reference sample."""
DEFAULT = "default"
"""The voice of a row that names none: the server's own choice."""
NO_MODEL = "any"
"""The engine of a row that names none: the contract's, or the server's own choice."""

_MODEL_NAMES = {
    ("qwen", "1.7B"): "qwen-tts-1.7B",
    ("qwen", "0.6B"): "qwen-tts-0.6B",
    ("qwen_custom_voice", "1.7B"): "qwen-custom-voice-1.7B",
    ("qwen_custom_voice", "0.6B"): "qwen-custom-voice-0.6B",
    ("luxtts", ""): "luxtts",
    ("chatterbox", ""): "chatterbox-tts",
    ("chatterbox_turbo", ""): "chatterbox-turbo",
    ("tada", "1B"): "tada-1b",
    ("tada", "3B"): "tada-3b-ml",
    ("kokoro", ""): "kokoro",
}


class Row(BaseModel):
    """One model with one voice: one generation."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    engine: str = Field(min_length=1)
    voice: str = Field(min_length=1)
    """``cloned``, or the id of a preset voice."""
    model_size: str = ""
    """Empty for an engine of one size."""
    language: str = ""
    """Empty is that of the whole matrix."""
    model: str = ""
    """What the server's list of models calls it; empty is the known name."""
    text: str = ""
    """What it says; empty is that of the whole matrix."""
    label: str = ""
    """Its name; empty is made of engine, size and language."""

    @property
    def name(self) -> str:
        """Unique in a matrix, and fit for a file name: ``qwen-1.7B``."""
        if self.label:
            return self.label
        parts = [self.engine, self.model_size, self.language]
        return "-".join(part for part in parts if part)

    @property
    def model_name(self) -> str:
        """The model's name in the server's list; empty where it is not known."""
        return self.model or _MODEL_NAMES.get((self.engine, self.model_size), "")

    @property
    def cloned(self) -> bool:
        """Whether it speaks with the voice of the reference sample."""
        return self.voice == CLONED


def choose_rows(
    matrix: Sequence[Mapping[str, str]], *, only: Sequence[str] = (), skip: Sequence[str] = ()
) -> list[Row]:
    """Read a matrix and return the rows of the engines that are wanted, in its order.

    Raises:
        SubjectError: A row is malformed, two are the same, an engine is unknown, or none is left.
    """
    rows = [_read(number, fields) for number, fields in enumerate(matrix, 1)]
    names = [row.name for row in rows]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SubjectError(f"matrix has {twice[0]} more than once; give each row once")
    engines = sorted({row.engine for row in rows})
    for option, chosen in (("only", only), ("skip", skip)):
        for engine in chosen:
            _refuse_unknown(option, engine, engines)
    left = [r for r in rows if (not only or r.engine in only) and r.engine not in skip]
    if not left:
        raise SubjectError("only and skip leave no row of the matrix; give fewer of them")
    return left


def plan_rows(
    voices: Sequence[str], texts: Sequence[str], *, model: str, language: str = ""
) -> list[Row]:
    """Return a row for each voice and text, and one in which the first voice says all of them.

    Raises:
        SubjectError: A voice or a text is given twice, or a text is blank.
    """
    for what, words in (("voices", voices), ("texts", texts)):
        if twice := [word for word in words if list(words).count(word) > 1]:
            raise SubjectError(f"{what} has {twice[0]!r} more than once; give each once")
    if not texts or not all(text.strip() for text in texts):
        raise SubjectError("texts has none, or a blank one; give what is to be said")
    names = [_label(number, voice) for number, voice in enumerate(voices, 1)]
    rows = [
        Row(engine=model or NO_MODEL, voice=voice, language=language, text=text,
            label=f"{name}-{number}")
        for name, voice in zip(names, voices, strict=True) for number, text in enumerate(texts, 1)
    ]  # fmt: skip
    if len(texts) > 1:
        joined = rows[0].model_copy(update={"text": " ".join(texts), "label": f"{names[0]}-joined"})
        rows.append(joined)
    return rows


def _label(number: int, voice: str) -> str:
    """Return a voice's name, fit for a file name and unlike that of any other voice."""
    slug = re.sub(r"[^a-z0-9_]+", "-", voice.lower()).strip("-")[:40]
    return f"{number}-{slug}" if slug else f"{number}"


def _read(number: int, fields: Mapping[str, str]) -> Row:
    try:
        return Row.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise SubjectError(f"matrix row {number}: {field}: {first['msg']}") from error


def _refuse_unknown(option: str, engine: str, engines: Sequence[str]) -> None:
    if engine in engines:
        return
    close = difflib.get_close_matches(engine, engines, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the matrix has {', '.join(engines)}"
    raise SubjectError(f"{option}: no engine {engine!r} in the matrix; {hint}")
