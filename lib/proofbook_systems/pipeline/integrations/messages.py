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
_ERROR = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Warning|Exit|Interrupt)\b")
_LONG_PATH = re.compile(r"(?<![\w.])/(?:[\w.@+-]+/){3,}")
_VARYING = re.compile(r"[0-9a-f]{6,}|\d+")


def spoken_lines(output: str) -> list[str]:
    """Return the lines that are for people: without tracebacks and the exceptions that end them."""
    lines: list[str] = []
    is_inside = is_behind = False
    for line in output.splitlines():
        is_indented = line.startswith((" ", "\t"))
        if _TRACEBACK.match(line):
            is_inside, is_behind = True, False
        elif is_inside:
            is_inside = not line.strip() or is_indented  # until the exception
            is_behind = not is_inside
        elif is_behind and is_indented:
            continue  # an exception of several lines
        elif line.strip() and not line.startswith(_CHAINED):
            is_behind = False
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
            return f"all that it says is a traceback, which ends in {_short(_cause_of(output))!r}"
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


def _cause_of(output: str) -> str:
    """Return the line of a traceback's error; one of several lines goes on below it."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.match(line)]
    return errors[-1] if errors else lines[-1]


def _short(line: str) -> str:
    """Return a line with the middle of what is long left out: the cause stands at its end."""
    line = _LONG_PATH.sub("…/", line)
    half = _SHOWN // 2
    return line if len(line) <= _SHOWN else f"{line[:half]} … {line[-half:]}"
