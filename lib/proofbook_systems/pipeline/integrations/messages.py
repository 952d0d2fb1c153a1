"""What a program says, line by line: the cause, a fallback, a secret. A traceback is no message."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["cause_fault", "new_lines", "spoken_lines", "tells_fallback"]

_LONGEST = 600
_SHOWN = 160
_TRACEBACK = re.compile(r"^\s*Traceback \(most recent call last\)")
_CHAINED = ("The above exception was", "During handling of the above")
_FALLBACK = re.compile(
    r"mock|fall(?:ing|s|en)?[ -]?back|instead|stand[- ]?in|offline|stub|placeholder|"
    r"espeak|piper|degraded|local voice",
    re.IGNORECASE,
)
_VARYING = re.compile(r"[0-9a-f]{6,}|\d+")


def spoken_lines(output: str) -> list[str]:
    """Return the lines that are for people: without tracebacks and the exceptions that end them."""
    lines: list[str] = []
    is_inside = False
    for line in output.splitlines():
        if _TRACEBACK.match(line):
            is_inside = True
        elif is_inside:
            is_inside = not line.strip() or line.startswith((" ", "\t"))  # until the exception
        elif line.strip() and not line.startswith(_CHAINED):
            lines.append(line.strip())
    return lines


def cause_fault(output: str, names: Sequence[str], known: str = "") -> str:
    """Return why a program's output does not tell a cause in one clear line; empty where it does.

    Args:
        output: What it printed.
        names: Words, lower-case, one of which names the cause; empty takes any line.
        known: What it prints where all is well.
    """
    if not output.strip():
        return "it printed nothing"
    lines = new_lines(output, known)
    if not lines:
        last = [line for line in output.splitlines() if line.strip()][-1].strip()
        if _TRACEBACK.search(output) or "Traceback (most" in output:
            return f"all that it says is a traceback, which ends in {_short(last)!r}"
        return f"it says nothing but what it says when all is well; it ends in {_short(last)!r}"
    if not names or any(_is_clear(line, names) for line in lines):
        return ""
    return f"it says {_short(lines[-1])!r}, which does not name the cause"


def new_lines(output: str, known: str) -> list[str]:
    """Return the spoken lines of an output that another one does not have; numbers do not count."""
    usual = {_VARYING.sub("#", line) for line in spoken_lines(known)}
    return [line for line in spoken_lines(output) if _VARYING.sub("#", line) not in usual]


def tells_fallback(output: str, known: str) -> bool:
    """Say whether it tells that something else was done than was asked for."""
    return any(_FALLBACK.search(line) for line in new_lines(output, known))


def _is_clear(line: str, names: Sequence[str]) -> bool:
    return len(line) <= _LONGEST and any(name in line.lower() for name in names)


def _short(line: str) -> str:
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
