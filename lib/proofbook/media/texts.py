"""Text as evidence: a report, a script, a prompt. Knows nothing about what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from proofbook.errors import SubjectError
from proofbook.media.media import Media, existing_file, number
from proofbook.records import Label

__all__ = ["text"]

_SUFFIXES = (".txt", ".md", ".json", ".log")


def text(
    content: str | Path,
    *,
    name: str = "",
    caption: str = "",
    suffix: Literal[".txt", ".md", ".json"] = ".txt",
    **labels: Label,
) -> Media:
    """Return a string, or a file given as a ``Path``, as evidence.

    Raises:
        SubjectError: The file is missing, empty, or no UTF-8.
    """
    path = existing_file(content, "text") if isinstance(content, Path) else None
    words = _decode(path) if path is not None else str(content)
    kept = path.suffix.lower() if path is not None and path.suffix.lower() in _SUFFIXES else suffix
    return Media(
        kind="text",
        source=path if path is not None else words.encode("utf-8", "backslashreplace"),
        suffix=kept,
        name=name or (path.stem if path is not None else "text"),
        caption=caption,
        labels=labels,
        facts=(
            number("lines", len(words.splitlines()), digits=0),
            number("characters", len(words), digits=0),
        ),
    )


def _decode(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SubjectError(f"{path}: not UTF-8 text (byte {error.start})") from error
