"""Judge prepared data: its texts, ids and chunks, and what becomes of them after a change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from proofbook_systems.foundry.pipeline import Prepared
from proofbook_systems.foundry.stores import Store
from proofbook_systems.foundry.texts import (
    Coverage,
    decode_documents,
    find_coverage,
    read_texts,
)
from proofbook_systems.foundry.tokenizers import Tokenizer

__all__ = [
    "cover_texts",
    "find_differences",
    "find_lost",
    "find_stale",
    "find_unknown",
    "judge_unusual",
    "out_of_vocabulary",
    "wrong_lengths",
]

_TRACEBACK = "Traceback (most recent call last)"


def cover_texts(prepared: Prepared) -> Coverage:
    """Return what tokens have of texts; chunks stand in where there are no other tokens."""
    tokenizer = prepared.tokenizer
    assert tokenizer is not None
    documents = _documents(prepared.tokens or prepared.chunks, tokenizer)
    return find_coverage(read_texts(prepared.texts), documents, tokenizer.normalize)


def find_unknown(prepared: Prepared) -> list[str]:
    """Return where tokens stand for what the tokenizer does not know."""
    tokenizer = prepared.tokenizer
    assert tokenizer is not None
    counts = [(store, int((store.flat == tokenizer.unknown).sum())) for store in prepared.tokens]
    return [f"{store.path.name}: {count} of {store.flat.size}" for store, count in counts if count]


def out_of_vocabulary(prepared: Prepared) -> list[str]:
    """Return the ids that the tokenizer does not have."""
    size = prepared.tokenizer.size if prepared.tokenizer else 0
    found = []
    for store in prepared.stores:
        odd = np.flatnonzero((store.flat < 0) | (store.flat >= size))
        if odd.size:
            at = int(odd[0])
            found.append(
                f"{store.path.name}: id {store.flat[at]} at place {at}, of {odd.size} that are not "
                f"in 0 to {size - 1}"
            )
    return found


def wrong_lengths(prepared: Prepared, wanted: int) -> list[str]:
    """Return the chunks that have not the length they should; 0 takes that of the first."""
    found = []
    for store in prepared.chunks:
        length = wanted or int(store.lengths[0])
        odd = np.flatnonzero(store.lengths[:-1] != length).tolist()
        odd += [len(store) - 1] if store.lengths[-1] > length else []
        found += [f"{store.path.name}: chunk {at} has {store.lengths[at]} ids, not {length}"
                  for at in odd[:3]]  # fmt: skip
    return found


def find_lost(prepared: Prepared, most_lost: float) -> list[str]:
    """Return where chunks are not what the tokens say."""
    found = []
    for cut in prepared.cuts:
        alignment, size = cut.alignment, cut.tokens.flat.size
        lost = size - alignment.agreed
        if alignment.departure and lost > most_lost * size:
            found.append(f"{cut.chunks.path.name}: {alignment.departure}")
    return found


def find_differences(first: Prepared, second: Prepared) -> list[str]:
    """Return where two preparations left other ids."""
    mine, other = _by_content(first), _by_content(second)
    if len(mine) != len(other):
        return [f"{len(mine)} files of ids, and {len(other)}: {_names(first)}; {_names(second)}"]
    pairs = zip(mine, other, strict=True)
    return [issue for one, two in pairs for issue in _difference(one, two)]


def find_stale(first: Prepared, again: Prepared, fresh: Prepared) -> list[str]:
    """Return where data that was prepared again after a change is not as prepared in a new copy.

    Args:
        first: Before the change.
        again: After it, where ``first`` was prepared.
        fresh: After it, where nothing was prepared.
    """
    kept = {_content(store) for store in first.stores} - {_content(s) for s in fresh.stores}
    found = []
    for store in fresh.stores:
        if _content(store) in {_content(each) for each in again.stores}:
            continue
        name = _name(fresh, store)
        old = any(_content(each) in kept for each in again.stores)
        what = "is of the data before the change" if old else "is other"
        found.append(f"{name}: what was prepared again {what}")
    return found


def judge_unusual(kind: str, prepared: Prepared) -> str:
    """Return what is wrong with how unusual texts were taken; empty where nothing is."""
    ids = sum(store.flat.size for store in prepared.stores)
    if _TRACEBACK in prepared.printed:
        return f"{kind}: it ends in a traceback: {prepared.last_words}"
    if prepared.code is None:
        return f"{kind}: it {prepared.state}"
    if prepared.code != 0:
        return "" if prepared.printed.strip() else f"{kind}: it {prepared.state}, without a word"
    if not ids:
        return f"{kind}: it exited with code 0, and there is no data: {prepared.last_words}"
    return f"{kind}: there are {ids} tokens of no text" if kind == "empty" else ""


def _documents(stores: tuple[Store, ...], tokenizer: Tokenizer) -> Iterator[str]:
    for store in stores:
        yield from decode_documents(store, tokenizer)


def _content(store: Store) -> tuple[bytes, bytes]:
    return store.flat.tobytes(), store.lengths.tobytes()


def _name(prepared: Prepared, store: Store) -> str:
    """Return a store's name in its copy, or in the cache beside it."""
    workspace = prepared.workspace
    root = workspace.folder if store.path.is_relative_to(workspace.folder) else workspace.cache
    return store.path.relative_to(root).as_posix()


def _names(prepared: Prepared) -> str:
    return ", ".join(_name(prepared, store) for store in prepared.stores) or "none"


def _by_content(prepared: Prepared) -> list[Store]:
    """Return stores by name; one that is named by a hash has the place of its content."""
    return sorted(prepared.stores, key=lambda store: (store.flat.size, _name(prepared, store)))


def _difference(one: Store, two: Store) -> list[str]:
    if _content(one) == _content(two):
        return []
    size = min(one.flat.size, two.flat.size)
    differs = np.flatnonzero(one.flat[:size] != two.flat[:size])
    where = f"at place {differs[0]}" if differs.size else f"{one.flat.size} ids and {two.flat.size}"
    return [f"{Path(one.path).name}: other ids, {where}"]
