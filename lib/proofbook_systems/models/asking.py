"""What a model asks for in so many words: inputs that its own error names.

A signature does not say which of its optional inputs a model cannot do without; the error does.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Asked", "read_counts", "read_error"]

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MISSING = re.compile(
    r"(?i)missing|cannot be .?none|must be|have to|need|should be (given|passed|provided|specified)"
    r"|are passed|is required|are required|has to|expected|specify"
)
_COUNTS = re.compile(
    r"(?i)(image|video|audio)\w* (?:features and \w+ tokens do not match.*?\d+.*?features:? (\d+)"
    r"|placeholder tokens \(\d+\) does not match.*?\((\d+)\))"
)
_BOTH = re.compile(r"(?i)(cannot|can't|either|not).{0,40}(both|same time|or )")
_NO_INPUT = {
    "self", "kwargs", "args", "labels", "return_dict", "use_cache", "cache", "output_attentions",
    "output_hidden_states", "past_key_values",
}  # fmt: skip


class Asked(NamedTuple):
    """What an error asks for."""

    more: tuple[str, ...]
    """Inputs that it misses."""
    less: tuple[str, ...]
    """Inputs of which it takes only one."""


def read_error(error: BaseException, model: Any, given: Sequence[str]) -> Asked:
    """Return which of a model's inputs its error asks for, beside or instead of those given."""
    words = str(error)
    names = [n for n in inspect.signature(model.forward).parameters if n not in _NO_INPUT]
    named = [n for n in dict.fromkeys(_WORD.findall(words)) if n in names]
    both = tuple(name for name in named if name in given)
    if len(both) > 1 and _BOTH.search(words):
        return Asked((), both)
    if isinstance(error, (TypeError, ValueError, AssertionError)) and _MISSING.search(words):
        return Asked(tuple(name for name in named if name not in given), ())
    return Asked((), ())


def read_counts(error: BaseException) -> tuple[str, int] | None:
    """Return the modality whose places an error counts, and how many it wants; or None."""
    found = _COUNTS.search(str(error))
    return (found[1].lower(), int(found[2] or found[3])) if found else None
