"""An exception in words."""

from __future__ import annotations

import traceback

__all__ = ["describe"]


def describe(error: BaseException) -> str:
    """Return an exception and its notes as one line; also where it cannot be turned into text."""
    told = traceback.TracebackException(type(error), error, None)
    notes, told.__notes__ = told.__notes__ or [], None
    *_, said = told.format_exception_only()
    return " ".join(" ".join([said, *map(str, notes)]).split())[:400]
