"""How a program ended, in a code, in words and as a record."""

from __future__ import annotations

import contextlib
import signal
from typing import Literal, NamedTuple

__all__ = ["Ending", "How", "exit_words"]

How = Literal["exited", "terminated", "killed"]


class Ending(NamedTuple):
    """How a program ended, and what is left of it."""

    how: How
    """``exited`` by itself, ``terminated`` when asked, or ``killed`` since it did not end."""
    code: int | None
    """Exit code; minus the signal's number where a signal ended it; None if it is not known."""
    left: tuple[str, ...]
    """Processes that could not be ended, and folders that could not be removed."""


def exit_words(code: int | None) -> str:
    """Return an exit code as the end of a sentence, such as ``was killed by SIGSEGV``."""
    if code is None:
        return "ended in an unknown way"
    if code >= 0:
        return f"exited with code {code}"
    with contextlib.suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"
