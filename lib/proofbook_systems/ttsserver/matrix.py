"""Which models are exercised: rows of engine, size and voice, read and chosen.

Knows the names that the server's list of models has for them. Sends nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proofbook.errors import SubjectError

__all__ = ["CLONED", "Row", "choose_rows"]

CLONED = "cloned"
"""The voice of a row that clones the reference sample."""

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
