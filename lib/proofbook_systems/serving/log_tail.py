"""The last lines of a server's log, without those that our own questions have left there.

A server that is asked for its state again and again logs each request; what it did last would be
out of sight. A line is left out where it tells of a GET of one of the given paths that went well,
in whatever form: uvicorn's, werkzeug's, one JSON object a line. Knows nothing about processes.
"""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["tail_without"]

_FAILED = re.compile(r"\b[45]\d\d\b")


def tail_without(text: str, asked: Collection[str], lines: int) -> str:
    """Return the last ``lines`` lines of a log, and say how many of our own were left out.

    Args:
        text: The log, or the end of it.
        asked: Regular expressions of the paths that were asked for.
        lines: How many are wanted.
    """
    kept = [_last_state(line) for line in text.split("\n")]
    kept = [line for line in kept if line.strip()]
    if not asked:
        return "\n".join(kept[-lines:])
    own = re.compile(rf"\bGET\b.*(?:{'|'.join(asked)})(?=[\s\"'?,]|$)")
    told: list[str] = []
    left_out = 0
    for line in reversed(kept):
        match = own.search(line)
        if match and not _FAILED.search(line, match.end()):
            left_out += 1
        elif len(told) < lines:
            told.append(line)
        else:
            break
    note = [f"({left_out} requests of this runbook for the server's state are left out)"]
    return "\n".join([*(note if left_out else []), *reversed(told)])


def _last_state(line: str) -> str:
    """Return what is left to see of a line that was written over, as progress bars are."""
    states = [state for state in line.split("\r") if state.strip()]
    return states[-1] if states else ""
