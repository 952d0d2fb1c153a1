"""Compare what a caller got with the right answer, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence

from proofbook_systems.apis.faults.cases import WORDS

__all__ = ["find_text_fault"]

_LONGEST = 80
_WORD = re.compile("|".join(map(re.escape, WORDS)))


def find_text_fault(text: str, *, may_end_early: bool = False) -> str:
    """Return how a text differs from the right answer; empty where it does not.

    Args:
        text: What the caller got.
        may_end_early: Whether the beginning of the right answer is enough.
    """
    found = _WORD.findall(text)
    rest = _WORD.sub(" ", text).strip()
    # The stream may have been cut within a word.
    is_beginning = len(found) < len(WORDS) and rest and WORDS[len(found)].startswith(rest)
    if rest and not is_beginning:
        return f"it says something else: {_short(text)!r}"
    if twice := [word for word in WORDS if found.count(word) > 1]:
        return f"{_counted(len(twice))} came twice, the first is {twice[0]!r}"
    if tuple(found) == WORDS[: len(found)]:
        is_whole = len(found) == len(WORDS) or may_end_early
        return "" if is_whole else f"it has {len(found)} of {len(WORDS)} words"
    return _missing(found)


def _missing(found: Sequence[str]) -> str:
    last = max(WORDS.index(word) for word in found)
    gone = [word for word in WORDS[:last] if word not in found]
    if not gone:
        return "its words are in another order"
    return f"{_counted(len(gone))} of its middle is missing, the first is {gone[0]!r}"


def _counted(number: int) -> str:
    return "1 word" if number == 1 else f"{number} words"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
