"""Hold chunks against the tokens that they were cut of: is every token there, and none twice?

Allowed for are padding, separators between documents, documents in another order, a remainder
shorter than a chunk at the end of the data or of each batch of documents, and the known ways to
cut. Knows nothing about files or tokenizers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from proofbook_systems.foundry.crossed_rows import count_lost
from proofbook_systems.foundry.departures import find_departure
from proofbook_systems.foundry.document_order import follow_documents, without_overlap
from proofbook_systems.foundry.marked_documents import mark_documents, mark_sets
from proofbook_systems.foundry.recipes import Recipe, find_recipe
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
    if (found := find_recipe(chunks, tokens, length)) is not None:
        return _of_recipe(*found, tokens)
    if _has_all_documents(chunks, tokens, length) or _has_all_pieces(chunks, tokens, length):
        agreed = min(int(np.isin(chunks.flat, tokens.flat).sum()), tokens.flat.size)
        return Alignment(agreed=agreed, remainder=tokens.flat.size - agreed, in_order=False)
    return _of_mixed(chunks, tokens, length) or plain


def _of_recipe(recipe: Recipe, order: Sequence[int], tokens: Store) -> Alignment:
    """Return what a known way to cut made of tokens, whose rows come in this order."""
    padded = [(chunk, each) for chunk, number in enumerate(order)
              if (each := recipe.padding(number)) is not None]  # fmt: skip
    sizes = (each.place if each.is_before else recipe.width - each.place for _, each in padded)
    return Alignment(
        agreed=recipe.agreed, remainder=tokens.flat.size - recipe.agreed, padding=sum(sizes),
        separators=recipe.marks, overlap=recipe.overlap, in_order=list(order) == sorted(order),
        padded=tuple(each._replace(chunk=chunk) for chunk, each in padded),
    )  # fmt: skip


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
    if words := _uneven_gaps(walk, left):
        return replace(result, departure=words)
    if rest.size:
        walk.pad(rest)
    return replace(
        result, remainder=remainder + left, padding=walk.padding, padded=tuple(walk.padded)
    )


def _uneven_gaps(walk: Walk, left: int) -> str:
    """Return where tokens are left out that are no remainder of a batch of documents.

    Batches have one size: at each further multiple of it tokens are left out, or none are left.
    """
    gaps = [*walk.gaps, *([(walk.place, walk.place + left)] if left else [])]
    if gaps and walk.padded:  # who pads what is short leaves nothing out
        first, last = gaps[0]
        return f"tokens {first} to {last - 1} are in no chunk, and other short ones are padded"
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


def _of_mixed(chunks: Store, tokens: Store, length: int) -> Alignment | None:
    """Return the alignment of chunks that were cut, or are windows, of documents mixed before."""
    found = without_overlap(chunks, length)
    joined, overlap = (chunks, 0) if found is None else found
    size = length if found is None else joined.flat.size
    for marks, frame in mark_sets(chunks, tokens):
        if frame != (None, None):
            continue
        documents = mark_documents(tokens, marks).store
        lost = follow_documents(joined, documents, size)
        if lost is None and found is None:
            lost = count_lost(chunks, documents, length)
        if lost is None or (found is not None and lost >= length):
            continue
        agreed = int(np.isin(joined.flat, tokens.flat).sum())
        return Alignment(
            agreed=agreed, remainder=max(0, tokens.flat.size - agreed), overlap=overlap,
            separators=joined.flat.size - agreed, in_order=False,
        )  # fmt: skip
    return None


def _has_all_pieces(chunks: Store, tokens: Store, length: int) -> bool:
    """Say whether chunks are of documents that were cut to a chunk's length first, then packed."""
    for marks, frame in mark_sets(chunks, tokens):
        if frame != (None, None):
            continue
        marked = mark_documents(tokens, marks)
        sizes = np.diff(marked.bounds)
        counts = -(-sizes // length)
        full = np.full(int(counts.sum()), length)
        full[np.cumsum(counts[counts > 0]) - 1] = (sizes - (counts - 1) * length)[counts > 0]
        pieces = Store(path=tokens.path, form=tokens.form, flat=marked.ids, lengths=full)
        own = np.isin(chunks.flat, marked.ids)
        if int(own.sum()) == marked.ids.size and _has_all_documents(chunks, pieces, length):
            return True
    return False


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
