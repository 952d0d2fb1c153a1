"""The documents in a project's files: one a line of ``.txt``, or the texts of ``.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from proofbook.errors import SubjectError

__all__ = ["read_documents"]

_KEYS = ("text", "content", "document")


def read_documents(project: Path, patterns: Sequence[str]) -> list[str]:
    """Return the documents of the files that fit the patterns, in the files' order.

    Raises:
        SubjectError: A pattern fits no file, or a line is no document.
    """
    documents: list[str] = []
    for pattern in patterns:
        paths = sorted(path for path in project.glob(pattern) if path.is_file())
        if not paths:
            raise SubjectError(f"{pattern} fits no file in {project}; give the files of texts")
        for path in paths:
            documents += _read(path)
    return documents


def _read(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    lines = [line for line in lines if line.strip()]
    return [_text(line, path) for line in lines] if path.suffix == ".jsonl" else lines


def _text(line: str, path: Path) -> str:
    try:
        value = json.loads(line)
        return str(next(value[key] for key in _KEYS if key in value))
    except (ValueError, TypeError, StopIteration) as error:
        raise SubjectError(f"{path} has a line without a text: {line[:80]!r}") from error
