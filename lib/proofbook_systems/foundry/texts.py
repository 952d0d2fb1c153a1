"""Hold the text of tokens against the texts that they were made of.

White space, Unicode's forms and what a tokenizer itself normalises may differ; so may the order of
documents, and texts that are there twice. Knows nothing about files of tokens.
"""

from __future__ import annotations

import bisect
import itertools
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook_systems.foundry.stores import Store
from proofbook_systems.foundry.text_files import iterate_documents
from proofbook_systems.foundry.tokenizers import Tokenizer

__all__ = ["Coverage", "decode_documents", "find_coverage", "plain", "read_texts"]

_SHOWN = 40
_SHORT = 20
"""Characters below which a part of a text is said elsewhere by chance."""
_MOST = 20_000_000
"""Characters of texts that are looked at."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What texts and tokens have in common."""

    characters: int
    """Of the texts, white space left out."""
    covered: int
    """Those that tokens stand for."""
    foreign: list[str]
    """Where tokens say what no text says, at most five."""
    missing: list[str]
    """Where texts say what no token says, at most five."""

    @property
    def words(self) -> str:
        """How much was found, for a person."""
        return f"{self.covered} of {self.characters} characters of the texts are in the tokens"


def read_texts(paths: Iterable[Path]) -> list[str]:
    """Return the documents of files: entries of JSON, or whole files of text.

    Raises:
        SubjectError: A file is no text.
    """
    texts, size = [], 0
    for path in sorted(paths):
        for text in iterate_documents(path):
            texts.append(text)
            size += len(text)
            if size > _MOST:
                return texts
    return texts


def decode_documents(store: Store, tokenizer: Tokenizer) -> Iterator[str]:
    """Yield the texts of a store, cut where special tokens are."""
    special = sorted(tokenizer.special - {tokenizer.unknown})
    for row in store.rows():
        document: list[int] = []
        for id_ in row.tolist():
            if id_ in special:
                if document:
                    yield tokenizer.decode(document)
                document = []
            else:
                document.append(id_)
        if document:
            yield tokenizer.decode(document)


def find_coverage(
    texts: Sequence[str], documents: Iterable[str], normalize: Callable[[str], str] = str
) -> Coverage:
    """Return what documents have of texts, and the other way round.

    Args:
        texts: As they were.
        documents: As tokens have them.
        normalize: What the tokenizer does to a text first.
    """
    given = [plain(normalize(text)) for text in texts]
    whole = "".join(given)
    covered = bytearray(len(whole))
    foreign: list[str] = []
    place = told = 0
    for number, document in enumerate(documents):
        document_text = plain(normalize(document))
        told += len(document_text)
        at = whole.find(document_text, place)
        at = at if at >= 0 else whole.find(document_text)
        if at < 0:
            foreign.append(f"document {number}: {_departure(document_text, whole, place)}")
            if len(foreign) == _FEW:
                break
            continue
        covered[at : at + len(document_text)] = b"\1" * len(document_text)
        place = at + len(document_text)
    return Coverage(
        characters=len(whole), covered=sum(covered), foreign=foreign,
        missing=[] if foreign else _missing(whole, covered, given, told),
    )  # fmt: skip


_FEW = 5


def plain(text: str) -> str:
    """Return a text without what tokenizers may change: white space, and Unicode's forms."""
    folded = unicodedata.normalize("NFKC", text).replace("\N{LOWER ONE EIGHTH BLOCK}", " ")
    return "".join(folded.split())


def _departure(text: str, whole: str, place: int) -> str:
    """Return how far a document is as in the texts, and what follows in both."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text[:middle] in whole else (low, middle - 1)
    at = whole.find(text[:low], place)
    at = at if at >= 0 else whole.find(text[:low])
    wanted = whole[at + low : at + low + _SHOWN]
    return f"{text[low : low + _SHOWN]!r} after {low} characters, where the text has {wanted!r}"


def _missing(whole: str, covered: bytearray, texts: Sequence[str], told: int) -> list[str]:
    """Return the parts of texts that no token stands for; what is elsewhere is there.

    A short part is elsewhere in any language. It is missing all the same where tokens say less than
    the texts, by more than the whole texts and long parts that are told elsewhere.
    """
    found, short = list[str](), list[str]()
    less, known = len(whole) - told, set(texts)
    bounds = list(itertools.accumulate(map(len, texts)))
    at = covered.find(0)
    while at >= 0 and len(found) < _FEW:
        end = covered.find(1, at)
        # Two texts that are missing are two parts.
        end = min(end if end >= 0 else len(whole), bounds[bisect.bisect_right(bounds, at)])
        part = whole[at:end]
        other = whole.find(part)
        words = f"{len(part)} characters from {at} on: {part[:_SHOWN]!r}"
        if other == at or not all(covered[other : other + len(part)]):
            found.append(words)
        elif len(part) < _SHORT and part not in known:
            short.append(words)
        else:
            less -= len(part)
        at = covered.find(0, end)
    return found or (short[:_FEW] if less > 0 else [])
