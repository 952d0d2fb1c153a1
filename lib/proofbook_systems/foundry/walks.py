"""Walk along chunks and the tokens that they were cut of, and note what is between tokens.

That is padding, or a separator. Knows nothing of other orders, nor of what a departure is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from proofbook_systems.foundry.stores import Ids

__all__ = ["Padding", "Walk"]

_BLOCK = 1 << 16
_SEEN = 16
"""Ids that must agree where the comparison goes on."""
_MOST_ALIKE = 3
"""Ids of padding's at the beginning of a document."""


class Padding(NamedTuple):
    """The end of a chunk that has no token, or its beginning."""

    chunk: int
    place: int
    """Of its first id, in the chunk; at the beginning, of the first token behind it."""
    id: int
    is_before: bool = False
    """Whether it is in front of the tokens."""


@dataclass
class Walk:
    """Two places that move along chunks and tokens."""

    chunks: Ids
    starts: Ids
    tokens: Ids
    documents: Ids
    length: int
    at: int = 0
    place: int = 0
    padding: int = 0
    separators: set[int] = field(default_factory=set)
    separated: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list)
    segments: list[tuple[int, int]] = field(default_factory=list)
    padded: list[Padding] = field(default_factory=list)
    between: list[tuple[int, int]] = field(default_factory=list)
    """(place, count) of ids that were taken for separators, where they could be padding."""
    within: set[int] = field(default_factory=set)
    """Separators that are surely some: they are in the middle of a chunk."""

    def run(self) -> None:
        """Go on as long as they agree, or differ by what is allowed."""
        self.segments.append((0, 0))
        while True:
            same = _common(self.chunks[self.at :], self.tokens[self.place :])
            self.at, self.place = self.at + same, self.place + same
            if self.at >= self.chunks.size or self.place >= self.tokens.size:
                return
            ways = (self._skip_separator, self._skip_padding, self._skip_beginning,
                    self._skip_remainder)  # fmt: skip
            if not any(skip() for skip in ways):
                return
            self.segments.append((self.at, self.place))

    def _at_document(self) -> bool:
        where = int(np.searchsorted(self.documents, self.place))
        return where < self.documents.size and int(self.documents[where]) == self.place

    def _ends_in(self, size: int) -> bool:
        """Say whether a document ends so many tokens from here."""
        end = self.place + size
        return end == self.tokens.size or bool(np.isin(end, self.documents))

    def _skip_padding(self) -> bool:
        """Skip the rest of a chunk behind a document, which may have an end of its own first."""
        if not self._at_document():
            return False
        end = int(self.starts[np.searchsorted(self.starts, self.at, "right")])
        for count in (0, 1):
            rest = self.chunks[self.at + count : end]
            if rest.size and not bool((rest != rest[0]).any()):
                break
        else:
            return False
        ends = set(map(int, self.chunks[self.at : self.at + count]))
        self.separators |= ends
        self.within |= ends
        self.separated, self.at = self.separated + count, self.at + count
        self.pad(rest)
        return len(self.separators) <= 2

    def _skip_beginning(self) -> bool:
        """Skip padding in front of a document, or of what is left of one, which fills no chunk."""
        if self.at not in self.starts:
            return False
        end = int(self.starts[np.searchsorted(self.starts, self.at, "right")])
        row = self.chunks[self.at : end]
        other = np.flatnonzero(row != row[0])
        # A document may begin with the same id by itself.
        most = int(other[0]) if other.size else 0
        for count in range(most, max(0, most - _MOST_ALIKE), -1):
            rest = row[count:]
            # What is left of a document must be there whole, so as not to be taken for another.
            seen = _SEEN if self._at_document() else rest.size if self._ends_in(rest.size) else 0
            if _agrees(rest[:seen], self.tokens[self.place :]):
                chunk = int(np.searchsorted(self.starts, self.at))
                self.padded.append(Padding(chunk, count, int(row[0]), is_before=True))
                self.padding, self.at = self.padding + count, self.at + count
                return True
        return False

    def pad(self, rest: Ids) -> None:
        """Count the rest of a chunk as padding, and go on behind it."""
        chunk = int(np.searchsorted(self.starts, self.at, "right")) - 1
        self.padded.append(Padding(chunk, self.at - int(self.starts[chunk]), int(rest[0])))
        self.padding, self.at = self.padding + rest.size, self.at + rest.size

    def _skip_separator(self) -> bool:
        """Skip an end and a start between two documents; data has two of these at most."""
        if not self._at_document():
            return False
        end = int(np.searchsorted(self.documents, self.place, "right"))
        rest = self.tokens[self.place : self.documents[end] if end < len(self.documents) else None]
        for count in (1, 2):
            after = self.at + count
            if _agrees(self.chunks[after : after + _SEEN], rest):
                marks = set(map(int, self.chunks[self.at : after]))
                self.separators |= marks
                if after in self.starts or self.at in self.starts:
                    self.between.append((self.at, count))
                else:
                    self.within |= marks
                self.separated, self.at = self.separated + count, after
                return len(self.separators) <= 2
        return False

    def tell_short_padding(self) -> None:
        """Take for padding what fills up a chunk by one id or two, as other chunks by more.

        An end of each document is as long everywhere; what fills up is not.
        """
        found = [each for each in map(self._short_padding, self.between) if each is not None]
        counts: dict[int, set[int]] = {}
        for padding, count in found:
            counts.setdefault(padding.id, set()).add(count)
        known = {each.id for each in self.padded} - self.within
        short = [(padding, count) for padding, count in found
                 if padding.id in known or len(counts[padding.id]) > 1]  # fmt: skip
        self.padded = sorted([*self.padded, *(padding for padding, _ in short)])
        self.separators -= {padding.id for padding, _ in short}
        moved = sum(count for _, count in short)
        self.padding, self.separated = self.padding + moved, self.separated - moved

    def _short_padding(self, run: tuple[int, int]) -> tuple[Padding, int] | None:
        """Return a separator at a chunk's edge as the padding that it may be, and its length."""
        at, count = run
        ids = self.chunks[at : at + count]
        if bool((ids != ids[0]).any()) or int(ids[0]) in self.within:
            return None
        is_before = at + count not in self.starts
        chunk = int(np.searchsorted(self.starts, at, "right")) - 1
        place = count if is_before else at - int(self.starts[chunk])
        return Padding(chunk, place, int(ids[0]), is_before), count

    def _skip_remainder(self) -> bool:
        """Skip less than a chunk at the end of a batch of documents."""
        if self.at not in self.starts:
            return False
        first = int(np.searchsorted(self.documents, self.place, "right"))
        wanted = self.chunks[self.at : self.at + _SEEN]
        for document in self.documents[first:]:
            if document - self.place >= self.length:
                return False
            if _agrees(wanted, self.tokens[document:]):
                self.gaps.append((self.place, int(document)))
                self.place = int(document)
                return True
        return False


def _common(first: Ids, second: Ids) -> int:
    """Return how many ids agree from the beginning."""
    size = min(first.size, second.size)
    for start in range(0, size, _BLOCK):
        end = min(size, start + _BLOCK)
        differs = np.flatnonzero(first[start:end] != second[start:end])
        if differs.size:
            return start + int(differs[0])
    return size


def _agrees(wanted: Ids, there: Ids) -> bool:
    size = min(wanted.size, there.size)
    return size > 0 and bool((wanted[:size] == there[:size]).all())
