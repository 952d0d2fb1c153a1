"""Hold chunks against the tokens that they were cut of: is every token there, and none twice?

Allowed for are padding, separators between documents, a token at the start of every chunk, chunks
that overlap, another order, and a remainder shorter than a chunk at the end of the data or of each
batch of documents. Knows nothing about files or tokenizers.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from proofbook_systems.foundry.departures import find_departure
from proofbook_systems.foundry.stores import Ids, Store
from proofbook_systems.foundry.walks import Padding, Walk

__all__ = ["Alignment", "Padding", "align"]

_MOST_DOCUMENTS = 2000
_MOST_MARKS = 3
"""Ids that no token has: padding, a start and an end."""


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """What became of tokens."""

    departure: str = ""
    """The first place where chunks are not what the tokens say; empty where there is none."""
    agreed: int = 0
    """Tokens up to there."""
    remainder: int = 0
    """Tokens that filled no chunk, and were left out."""
    padding: int = 0
    """Ids after the last token of a chunk."""
    separators: int = 0
    """Ids put between documents, or in front of chunks."""
    overlap: int = 0
    """Ids that a chunk has in common with the next."""
    in_order: bool = True
    padded: tuple[Padding, ...] = ()
    """Where padding is, as far as chunks come in the order of the tokens."""

    @property
    def words(self) -> str:
        """What was found, for a person."""
        parts = [f"{self.agreed} tokens are in chunks"]
        named = {
            "remainder left out": self.remainder, "padding": self.padding,
            "separators": self.separators, "overlap": self.overlap,
        }  # fmt: skip
        parts += [f"{name} {count}" for name, count in named.items() if count]
        return ", ".join([*parts, *([] if self.in_order else ["in another order"])])


def align(chunks: Store, tokens: Store, length: int) -> Alignment:
    """Return how chunks of ``length`` follow from tokens."""
    plain = _walk(chunks.flat, chunks.starts, tokens, length)
    if not plain.departure:
        return plain
    others = (_without_first, _without_overlap, _without_last, _without_frame)
    for other in (change(chunks, tokens, length) for change in others):
        if other is not None and not other.departure:
            return other
    if _has_same_rows(chunks, tokens, length) or _has_all_documents(chunks, tokens, length):
        agreed = min(int(np.isin(chunks.flat, tokens.flat).sum()), tokens.flat.size)
        return Alignment(agreed=agreed, remainder=tokens.flat.size - agreed, in_order=False)
    return plain


def _walk(chunks: Ids, starts: Ids, tokens: Store, length: int) -> Alignment:
    walk = Walk(chunks, starts, tokens.flat, tokens.starts[:-1], length)
    walk.run()
    walk.tell_short_padding()
    left, rest = tokens.flat.size - walk.place, chunks[walk.at :]
    if not left and rest.size and int(rest[0]) in walk.separators:
        rest, walk.separated, walk.at = rest[1:], walk.separated + 1, walk.at + 1
    remainder = sum(last - first for first, last in walk.gaps)
    result = Alignment(
        agreed=walk.place - remainder, remainder=remainder, padding=walk.padding,
        separators=walk.separated,
    )  # fmt: skip
    if rest.size and left:
        return replace(result, departure=find_departure(chunks, walk.at, tokens.flat, walk.place,
                                                        length))  # fmt: skip
    if rest.size and (rest.size >= length or bool((rest != rest[0]).any())):
        words = f"{rest.size} ids after the last token, from row {walk.at // length} on"
        return replace(result, departure=words)
    if left >= length:
        words = f"the last {left} tokens, {left // length} whole chunks of them, are in no chunk"
        return replace(result, departure=words)
    if words := _uneven_gaps(walk):
        return replace(result, departure=words)
    if rest.size:
        walk.pad(rest)
    return replace(
        result, remainder=remainder + left, padding=walk.padding, padded=tuple(walk.padded)
    )


def _uneven_gaps(walk: Walk) -> str:
    """Return where tokens are left out that are no remainder of a batch of documents.

    Batches have one size: at each further multiple of it tokens are left out, or none are left.
    """
    if not walk.gaps:
        return ""
    numbers = {int(np.searchsorted(walk.documents, last)): first for first, last in walk.gaps}
    batch = math.gcd(*numbers)
    for number in range(batch, walk.documents.size, batch):
        place = int(walk.documents[number])
        at, from_ = next(part for part in reversed(walk.segments) if part[1] <= place)
        if number not in numbers and (at + place - from_) % walk.length and place < walk.place:
            first, last = walk.gaps[0]
            return f"tokens {first} to {last - 1} are in no chunk"
    return ""


def _without_first(chunks: Store, tokens: Store, length: int) -> Alignment | None:
    """Return the alignment of chunks that all begin with one token of their own."""
    if len(chunks) < 3 or chunks.length < 2 or chunks.lengths[-1] < 2:
        return None
    first = chunks.flat[chunks.starts[:-1]]
    if bool((first != first[0]).any()):
        return None
    flat = np.delete(chunks.flat, chunks.starts[:-1])
    starts = chunks.starts - np.arange(len(chunks) + 1)
    found = _walk(flat, starts, tokens, length - 1)
    padded = tuple(each._replace(place=each.place + 1) for each in found.padded)
    return replace(found, separators=found.separators + len(chunks), padded=padded)


def _without_overlap(chunks: Store, tokens: Store, length: int) -> Alignment | None:
    """Return the alignment of chunks of which each repeats the end of the one before."""
    if len(chunks) < 3 or chunks.length != length:
        return None
    full = chunks.flat.size // length
    rows, last = chunks.flat[: full * length].reshape(-1, length), chunks.flat[full * length :]
    for step in range(1, length):
        same = length - step
        if not bool((rows[1:, :same] == rows[:-1, step:]).all()):
            continue
        if last.size and (last.size <= same or not np.array_equal(last[:same], rows[-1, step:])):
            continue
        flat = np.concatenate([rows[0], rows[1:, same:].ravel(), last[same:]])
        ends = np.minimum(length + step * np.arange(len(chunks)), flat.size)
        found = _walk(flat, np.concatenate([[0], ends]).astype(np.int64), tokens, length)
        return replace(found, overlap=same, padded=())
    return None


def _without_frame(chunks: Store, tokens: Store, length: int) -> Alignment | None:
    """Return the alignment of chunks that each have a start and an end of their own, then padding.

    So BERT's tokenizers make them: a part of a text is as long as a chunk without its frame.
    """
    starts, ends, flat = chunks.starts[:-1], chunks.starts[1:] - 1, chunks.flat
    if len(chunks) < 3 or int(chunks.lengths.min()) < 3:
        return None
    pads = np.unique(flat[ends[flat[ends] == flat[ends - 1]]])
    if pads.size > 1 or np.unique(flat[starts]).size > 1:
        return None
    is_own = np.isin(flat, pads, invert=True)
    last = np.maximum.reduceat(np.where(is_own, np.arange(flat.size), -1), starts)
    if bool((last <= starts).any()) or np.unique(flat[last]).size > 1:
        return None
    kept = np.arange(flat.size) < np.repeat(last, chunks.lengths)
    kept[starts] = False
    content, left = flat[kept], tokens.flat.size - int(kept.sum())
    if not 0 <= left < length or not np.array_equal(content, tokens.flat[: content.size]):
        return None
    short = np.flatnonzero(last < ends)
    return Alignment(
        agreed=content.size, remainder=left, padding=int((ends - last).sum()),
        separators=2 * len(chunks), padded=tuple(
            Padding(int(n), int(last[n] - starts[n]) + 1, int(flat[ends[n]])) for n in short
        ),
    )  # fmt: skip


def _without_last(chunks: Store, tokens: Store, length: int) -> Alignment | None:
    """Return the alignment of chunks of which the last begins earlier, so as to be full."""
    before = int(chunks.starts[-2])
    left = tokens.flat.size - before
    last = chunks.flat[before:]
    if last.size != length or not 0 < left < length or len(chunks) < 2:
        return None
    if bool((last != tokens.flat[-length:]).any()):
        return None
    found = _walk(chunks.flat[:before], chunks.starts[:-1], tokens, length)
    return replace(found, agreed=tokens.flat.size, remainder=0, overlap=length - left)


def _has_same_rows(chunks: Store, tokens: Store, length: int) -> bool:
    full, left = divmod(tokens.flat.size, length)
    if chunks.length != length or not full <= len(chunks) <= full + bool(left):
        return False
    cut = Counter(row.tobytes() for row in tokens.flat[: full * length].reshape(-1, length))
    more = list((Counter(row.tobytes() for row in chunks.rows()) - cut).elements())
    end = tokens.flat[full * length :].tobytes()
    return len(more) == len(chunks) - full and all(row.startswith(end) for row in more)


def _has_all_documents(chunks: Store, tokens: Store, length: int) -> bool:
    """Say whether all documents are in the chunks, one cut off at the end, and nothing else."""
    own = np.isin(chunks.flat, tokens.flat)
    if np.unique(chunks.flat[~own]).size > _MOST_MARKS:
        return False
    kept = chunks.flat[own]  # without padding, and without what is put between documents
    left = tokens.flat.size - kept.size
    # Who pads what is short leaves nothing out.
    most = 1 if _is_padded(chunks, own) else length
    if not 0 <= left < most or not 1 < len(tokens) <= _MOST_DOCUMENTS:
        return False
    given = np.bincount(tokens.flat)
    if bool((np.bincount(kept, minlength=given.size) > given).any()):
        return False
    content = chunks.flat.tobytes()
    lost = [row for row in tokens.rows() if not _holds(content, row.tobytes())]
    sizes = sum(row.size for row in lost)
    # Of one document the end may be cut off; the others that are not there were left out whole.
    ends = [row[: sizes - left].tobytes() for row in lost if row.size > sizes - left > 0]
    return sizes == left or any(kept.tobytes().endswith(end) for end in ends)


def _is_padded(chunks: Store, own: np.ndarray[Any, np.dtype[np.bool_]]) -> bool:
    """Say whether a chunk ends with the same id twice that no token has."""
    ends = chunks.starts[1:][chunks.lengths > 1] - 1
    return bool((~own[ends] & (chunks.flat[ends] == chunks.flat[ends - 1])).any())


def _holds(content: bytes, wanted: bytes) -> bool:
    at = content.find(wanted)
    while at % 8 and at >= 0:
        at = content.find(wanted, at + 1)
    return at >= 0
