"""Say what happened at the first place where chunks are not what the tokens say."""

from __future__ import annotations

import numpy as np

from proofbook_systems.foundry.stores import Ids

__all__ = ["find_departure"]

_SEEN = 8
_FAR = 100_000
_NEXT = 64


def find_departure(chunks: Ids, at: int, tokens: Ids, place: int, length: int) -> str:
    """Return what the ids at ``at`` of chunks are, in place of the token ``place``.

    Args:
        chunks: All ids of the chunks.
        at: The first that departs.
        tokens: All tokens.
        place: The one that would be there.
        length: Of a chunk.
    """
    row, column = divmod(at, length)
    where = f"row {row}, place {column}"
    if at >= length and np.array_equal(_row(chunks, row, length), _row(chunks, row - 1, length)):
        return f"{where}: the row repeats row {row - 1}"
    lost = _find(chunks[at : at + _SEEN], tokens[place : place + _FAR])
    more = _find(tokens[place : place + _SEEN], chunks[at : at + _FAR])
    if lost > 0 and (more <= 0 or lost <= more):
        rows = f", {lost // length} whole rows of them" if lost >= length else ""
        return f"{where}: {lost} tokens from token {place} on are missing{rows}"
    if more > 0:
        return f"{where}: {more} ids are there that are none of the tokens, or are there twice"
    there, wanted = chunks[at : at + _NEXT], tokens[place : place + _NEXT]
    size = min(there.size, wanted.size)
    differ = int((there[:size] != wanted[:size]).sum())
    if 2 * differ <= size:
        others = f", and {differ - 1} others of the next {size}" if differ > 1 else ""
        return f"{where}: id {chunks[at]} in place of token {place}, {tokens[place]}{others}"
    return f"{where}: from here on other ids than the tokens from {place} on"


def _row(chunks: Ids, row: int, length: int) -> Ids:
    return chunks[row * length : (row + 1) * length]


def _find(wanted: Ids, within: Ids) -> int:
    """Return where ids are found; -1 where they are not."""
    if wanted.size == 0 or within.size < wanted.size:
        return -1
    places = np.flatnonzero(within[: within.size - wanted.size + 1] == wanted[0])
    for place in places:
        if np.array_equal(within[place : place + wanted.size], wanted):
            return int(place)
    return -1
