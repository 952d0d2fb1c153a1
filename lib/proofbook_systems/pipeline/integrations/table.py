"""What the pipeline did in every case, as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["as_markdown"]

_COLUMNS = ("case", "title", "calls", "exit", "seconds", "says", "wrong")


def as_markdown(rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows as a Markdown table."""
    head = ["| " + " | ".join(_COLUMNS) + " |", "|" + " --- |" * len(_COLUMNS)]
    body = ["| " + " | ".join(_cell(row.get(name, "")) for name in _COLUMNS) + " |" for row in rows]
    return "\n".join([*head, *body]) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
