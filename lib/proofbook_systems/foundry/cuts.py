"""Chunks beside the tokens that they were cut of, and chunk files that are parts of one cut.

Knows nothing about how a preparation is run.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from proofbook_systems.foundry.alignment import Alignment, align
from proofbook_systems.foundry.packing import align_packed
from proofbook_systems.foundry.stores import Ids, Store

__all__ = ["Cut", "match_cuts"]

_SEEN = 16
"""Ids by which the place is found where a chunk file begins in tokens."""
_MOST_MARKS = 3
"""Ids that may be in front of the first token of a file: a start, and separators."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Chunks, and what they were cut of."""

    chunks: Store
    tokens: Store
    alignment: Alignment


def match_cuts(
    chunks: Sequence[Store], packed: Sequence[Store], tokens: Sequence[Store]
) -> tuple[Cut, ...]:
    """Return chunks, each with the tokens that it agrees with the longest.

    Args:
        chunks: Rows of one length.
        packed: Rows of whole documents, side by side.
        tokens: What they may be of.
    """
    if not tokens:
        return ()
    whole = [_best(each, tokens) for each in chunks]
    parts = [cut for cut in whole if cut.alignment.departure]
    together = _match_together([cut.chunks for cut in parts], tokens)
    known = {id(cut.chunks): cut for cut in together}
    joined = [known.get(id(cut.chunks), cut) for cut in whole]
    return (*joined, *(_best(each, tokens, is_packed=True) for each in packed))


def _best(chunks: Store, tokens: Sequence[Store], *, is_packed: bool = False) -> Cut:
    length = int(chunks.lengths[0])
    cuts = [
        Cut(chunks=chunks, tokens=each,
            alignment=align_packed(chunks, each) if is_packed else align(chunks, each, length))
        for each in tokens
    ]  # fmt: skip
    return max(cuts, key=lambda cut: (not cut.alignment.departure, cut.alignment.agreed))


def _match_together(parts: Sequence[Store], tokens: Sequence[Store]) -> list[Cut]:
    """Return chunk files as parts of one cut; none where they are not parts of one."""
    if len(parts) < 2 or len({int(part.lengths[0]) for part in parts}) > 1:
        return []
    found = [_consecutive(parts, store) for store in tokens]
    right = (cuts for cuts in found if cuts and not any(cut.alignment.departure for cut in cuts))
    mixed = (cuts for store in tokens if (cuts := _mixed(parts, store)))
    # Where neither fits, a part's own stretch tells best what is wrong with it.
    return next(itertools.chain(right, mixed, (cuts for cuts in found if cuts)), [])


def _consecutive(parts: Sequence[Store], tokens: Store) -> list[Cut]:
    """Hold each part against the tokens from its own place to that of the next part."""
    places = [_place(part, tokens.flat) for part in parts]
    if min(places) < 0 or len(set(places)) < len(places):
        return []
    ordered = [parts[at] for at in np.argsort(places)]
    bounds = [0, *sorted(places)[1:], tokens.flat.size]
    return [
        Cut(chunks=part, tokens=between, alignment=align(part, between, int(part.lengths[0])))
        for part, (first, last) in zip(ordered, itertools.pairwise(bounds), strict=True)
        for between in [_between(tokens, first, last)]
    ]


def _place(part: Store, tokens: Ids) -> int:
    """Return where a part begins in tokens; -1 where it does not."""
    row = part.flat[: int(part.lengths[0])]
    for marks in range(_MOST_MARKS):
        wanted = row[marks : marks + _SEEN]
        places = np.flatnonzero(tokens[: max(0, tokens.size - wanted.size + 1)] == wanted[:1])
        for place in places.tolist() if wanted.size else []:
            if np.array_equal(tokens[place : place + wanted.size], wanted):
                return int(place)
    return -1


def _between(tokens: Store, first: int, last: int) -> Store:
    """Return a stretch of tokens with the documents that begin in it."""
    starts = tokens.starts
    inner = starts[(starts > first) & (starts < last)]
    lengths = np.diff(np.concatenate([[first], inner, [last]]))
    return replace(tokens, flat=tokens.flat[first:last], lengths=lengths.astype(np.int64))


def _mixed(parts: Sequence[Store], tokens: Store) -> list[Cut]:
    """Return the parts where all rows of them together are a known cut of the tokens."""
    rows = replace(
        parts[0],
        flat=np.concatenate([part.flat for part in parts]),
        lengths=np.concatenate([part.lengths for part in parts]),
    )
    found = align(rows, tokens, int(rows.lengths[0]))
    if found.departure:
        return []
    return [Cut(chunks=part, tokens=tokens, alignment=replace(found, padded=())) for part in parts]
