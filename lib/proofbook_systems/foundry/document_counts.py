"""Are documents in tokens more often than in the texts, and are their words still apart?

Knows nothing about files, tokenizers or chunks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from proofbook_systems.foundry.texts import plain

__all__ = ["find_doubled", "find_joined"]

_SHOWN = 40
_FEW = 5
_COUNTED = 200
"""Documents that are looked for in all of the texts."""
_MOST_DOUBLED = 0.5
"""Share of the documents from which on they are repeated on purpose."""
_FEWEST_GAPS = 20
_GAPS_LEFT = 0.5
"""Share of the gaps between words that tokens must have kept."""


def find_doubled(
    texts: Sequence[str], documents: Iterable[str], normalize: Callable[[str], str] = str
) -> list[str]:
    """Return the documents that come more often than the texts have them, at most five.

    Where most of them do, somebody wanted that: a source that is shown twice in an epoch.

    Args:
        texts: As they were.
        documents: As tokens have them, of one store.
        normalize: What the tokenizer does to a text first.
    """
    given = [plain(normalize(text)) for text in texts]
    known, there = Counter(given), Counter(plain(normalize(each)) for each in documents)
    there.pop("", None)
    more = [each for each, count in there.items() if count > max(1, known[each])]
    whole = "".join(given)
    found = []
    for each in more[:_COUNTED]:
        # A document may be part of a longer text, or of two that follow each other.
        wanted = whole.count(each)
        if 0 < wanted < there[each]:
            found.append(f"{there[each]} times, and {wanted} in the texts: {each[:_SHOWN]!r}")
    return found[:_FEW] if len(found) <= _MOST_DOUBLED * len(there) else []


def find_joined(
    texts: Sequence[str], documents: Iterable[str], normalize: Callable[[str], str] = str
) -> str:
    """Say that tokens have lost the white space between words; empty where they have not."""
    wanted, kept = _gaps(map(normalize, texts)), _gaps(documents)
    if wanted[0] < _FEWEST_GAPS or not kept[1]:
        return ""
    share = (kept[0] / kept[1]) / (wanted[0] / wanted[1])
    if share >= _GAPS_LEFT:
        return ""
    return (
        f"{kept[0]} gaps between words in {kept[1]} characters of the tokens, and {wanted[0]} in "
        f"{wanted[1]} of the texts: white space is lost"
    )


def _gaps(texts: Iterable[str]) -> tuple[int, int]:
    """Return the gaps between words, and the characters of all words."""
    gaps = characters = 0
    for text in texts:
        words = text.replace("\N{LOWER ONE EIGHTH BLOCK}", " ").split()
        gaps += max(0, len(words) - 1)
        characters += sum(map(len, words))
    return gaps, characters
