"""Find out what part of the data each row of a batch is: a chunk, or a window of the tokens.

A chunk may reach the network whole, or without its first or last id, or with some ids masked, or
filled up to the length of its batch with one id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from proofbook_systems.foundry.stores import Ids, Store
from proofbook_systems.training.watching import Row, row_digest

__all__ = ["Origin", "Origins", "find_origins"]

Kind = Literal["chunks", "masked chunks", "windows", "unknown"]

_ALIKE, _MASKED_ALIKE = 0.6, 0.3
"""Share of ids by which a row with a fault, and a masked row, are still told."""
_APART = 0.2
"""By how much a masked row is more like its own chunk than like any other."""
_KEY = 8
_MOST = 20_000_000
"""Ids that are looked through for each row that is not the same as a chunk."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where one row comes from."""

    store: int
    """Number of the store; -1 where it is of none."""
    place: int
    """Number of the chunk, or of the token that a window begins with."""
    words: str = ""
    """What is wrong with it; empty where nothing is."""


@dataclass(frozen=True, kw_only=True)
class Origins:
    """Where all rows of a training come from."""

    kind: Kind
    rows: tuple[Origin, ...]

    @property
    def unknown(self) -> list[str]:
        """Rows that are of no data, at most ten."""
        wrong = [f"row {number}: {row.words}" for number, row in enumerate(self.rows) if row.words]
        return wrong[:10]


def find_origins(rows: Sequence[Row], chunks: Sequence[Store], tokens: Sequence[Store]) -> Origins:
    """Return where rows come from.

    Args:
        rows: As the network got them, with all their ids.
        chunks: What they may be rows of.
        tokens: What they may be windows of, where they are of no chunk.
    """
    known = _digests(chunks)
    exact = [known.get(row.digest) or known.get(row.source) or _filled_up(row, known)
             for row in rows]  # fmt: skip
    found = [Origin(store=each[0], place=each[1]) if each else None for each in exact]
    missing = [number for number, each in enumerate(found) if each is None]
    if not missing:
        return Origins(kind="chunks", rows=tuple(each for each in found if each))
    # A window begins where a chunk does now and then.
    if 2 * len(missing) > len(rows):
        windows = _find_windows(rows, tokens or chunks)
        if sum(not each.words for each in windows) * 2 > len(rows):
            return Origins(kind="windows", rows=tuple(windows))
    # Masking changes nearly every row; a fault changes a few.
    is_masked = 2 * len(missing) > len(rows)
    nearest = {number: _nearest(rows[number], chunks, is_masked) for number in missing}
    origins = tuple(each or nearest[number] for number, each in enumerate(found))
    known_rows = sum(not each.words for each in origins)
    kind: Kind = "masked chunks" if is_masked else "chunks"
    return Origins(kind=kind if 2 * known_rows > len(rows) else "unknown", rows=origins)


def _digests(chunks: Sequence[Store]) -> dict[str, tuple[int, int]]:
    """Return where each chunk is, by the digests that its row may have."""
    known: dict[str, tuple[int, int]] = {}
    for number, store in enumerate(chunks):
        for place, row in enumerate(store.rows()):
            for part in (row, row[:-1], row[1:]):
                known.setdefault(row_digest(part), (number, place))
    return known


def _filled_up(row: Row, known: Mapping[str, tuple[int, int]]) -> tuple[int, int] | None:
    """Return the chunk that a row is without what it was filled up with, behind it or before it."""
    ids = np.asarray(row.first, np.int64)
    for turned in (False, True):
        own = ids[::-1] if turned else ids
        other = np.flatnonzero(own != own[-1]) if own.size else own
        # A chunk may end with the same id by itself.
        for end in range(int(other[-1]) + 1 if other.size else own.size, own.size):
            part = own[:end]
            if place := known.get(row_digest(part[::-1] if turned else part)):
                return place
    return None


def _find_windows(rows: Sequence[Row], stores: Sequence[Store]) -> list[Origin]:
    found: list[Origin] = []
    keys = [_keys(store.flat) for store in stores]
    orders = [np.argsort(key, kind="stable") for key in keys]
    for row in rows:
        ids = np.asarray(row.first, np.int64)
        places = (
            (number, place)
            for number, store in enumerate(stores)
            for place in _places(ids, store.flat, keys[number], orders[number])
        )
        number, place = next(places, (-1, -1))
        words = "" if place >= 0 else f"ids {_shown(ids)} follow each other nowhere in the data"
        found.append(Origin(store=number, place=place, words=words))
    return found


def _keys(flat: Ids) -> Ids:
    """Return a number for the ids from each place on."""
    size = max(0, flat.size - _KEY + 1)
    key = np.zeros(size, np.int64)
    for offset in range(_KEY):
        key = key * 1_000_003 + flat[offset : offset + size]
    return key


def _places(ids: Ids, flat: Ids, keys: Ids, order: Ids) -> list[int]:
    if ids.size < _KEY or not keys.size:
        return []
    wanted = int(_keys(ids[:_KEY])[0])
    first = np.searchsorted(keys, wanted, "left", sorter=order)
    last = np.searchsorted(keys, wanted, "right", sorter=order)
    return [
        int(place) for place in order[first:last]
        if np.array_equal(flat[place : place + ids.size], ids)
    ]  # fmt: skip


def _nearest(row: Row, chunks: Sequence[Store], may_differ: bool) -> Origin:
    """Return the chunk that a row is most like, and where it differs."""
    ids = np.asarray(row.first, np.int64)
    best = Origin(store=-1, place=-1, words=f"ids {_shown(ids)} are of no chunk")
    likeness = second = 0.0
    for number, store in enumerate(chunks):
        size, width = len(store), int(store.lengths[0]) if len(store) else 0
        if not ids.size or width < ids.size or size * width > _MOST:
            continue
        full = store.flat[: int((store.lengths == width).sum()) * width].reshape(-1, width)
        for shift in {0, width - ids.size}:
            alike = (full[:, shift : shift + ids.size] == ids).mean(axis=1)
            place = int(alike.argmax())
            others = np.delete(alike, place)
            second = max(second, min(likeness, float(alike[place])), others.max(initial=0.0))
            if alike[place] > likeness:
                likeness = float(alike[place])
                there = full[place, shift : shift + ids.size]
                best = Origin(store=number, place=place, words=_difference(ids, there, place))
    if may_differ and likeness >= max(_MASKED_ALIKE, second + _APART):
        return Origin(store=best.store, place=best.place)
    if likeness >= _ALIKE:
        return best
    return Origin(store=-1, place=-1, words=f"ids {_shown(ids)} are of no chunk")


def _difference(ids: Ids, there: Ids, place: int) -> str:
    at = int(np.flatnonzero(ids != there)[0]) if bool((ids != there).any()) else 0
    return f"chunk {place}, but id {ids[at]} in place of {there[at]} at place {at}"


def _shown(ids: Ids) -> str:
    return f"{' '.join(map(str, ids[:6]))} …"
