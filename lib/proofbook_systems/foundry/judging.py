"""Judge prepared data: its texts, ids and chunks, and what becomes of them after a change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from proofbook_systems.foundry.document_counts import find_doubled, find_joined
from proofbook_systems.foundry.held_out import find_shared, find_test_stores
from proofbook_systems.foundry.pipeline import Prepared, Tried
from proofbook_systems.foundry.stores import Store
from proofbook_systems.foundry.texts import (
    Coverage,
    decode_documents,
    find_coverage,
    read_texts,
)
from proofbook_systems.foundry.tokenizers import Tokenizer

__all__ = [
    "beyond_model",
    "cover_texts",
    "find_differences",
    "find_lost",
    "find_merged",
    "find_more",
    "find_stale",
    "find_trained_tests",
    "find_unknown",
    "judge_invalid",
    "judge_unusual",
    "lost_spaces",
    "out_of_vocabulary",
    "wrong_lengths",
    "wrong_remainder",
]

_TRACEBACK = "Traceback (most recent call last)"
_FEWEST_ROWS = 8
_ALIKE = 0.9
"""Share of rows that end in one id, from which on all should."""


def cover_texts(prepared: Prepared, most_lost: float = 0.0) -> Coverage:
    """Return what tokens have of texts; chunks stand in where there are no other tokens.

    Args:
        prepared: What was prepared.
        most_lost: Share of the characters that may be missing.
    """
    tokenizer = prepared.tokenizer
    assert tokenizer is not None
    documents = _documents(prepared.tokens or prepared.chunks, tokenizer)
    found = find_coverage(read_texts(prepared.texts), documents, tokenizer.normalize)
    is_wanted = found.characters - found.covered <= most_lost * found.characters
    return replace(found, missing=[]) if is_wanted else found


def find_unknown(prepared: Prepared) -> list[str]:
    """Return where tokens stand for what the tokenizer does not know."""
    tokenizer = prepared.tokenizer
    assert tokenizer is not None
    counts = [(store, int((store.flat == tokenizer.unknown).sum())) for store in prepared.tokens]
    return [f"{store.path.name}: {count} of {store.flat.size}" for store, count in counts if count]


def find_more(prepared: Prepared) -> list[str]:
    """Return the documents that tokens have more often than the texts do."""
    tokenizer = prepared.tokenizer
    assert tokenizer is not None
    texts = read_texts(prepared.texts)
    return [
        f"{store.path.name}: {words}" for store in prepared.tokens
        for words in find_doubled(texts, decode_documents(store, tokenizer), tokenizer.normalize)
    ]  # fmt: skip


def lost_spaces(prepared: Prepared) -> str:
    """Say where the words of the texts are no longer apart in the tokens; empty where they are."""
    tokenizer = prepared.tokenizer
    assert tokenizer is not None
    documents = _documents(prepared.tokens or prepared.chunks, tokenizer)
    return find_joined(read_texts(prepared.texts), documents, tokenizer.normalize)


def find_merged(prepared: Prepared, *, separated: bool = False) -> list[str]:
    """Return the documents that lack the special id with which nearly all others begin or end.

    Rows as long as the longest are pieces of a document, which may begin or end anywhere.

    Args:
        prepared: What was prepared.
        separated: Whether such an id is promised; else it is asked for where nearly all have it.
    """
    special = prepared.tokenizer.special if prepared.tokenizer else frozenset[int]()
    if separated and (without := _without_borders(prepared, special)):
        return without
    return [
        issue for store in prepared.tokens if len(store) >= _FEWEST_ROWS
        for side in ("begin", "end") for issue in _unlike(store, side, special)
    ]  # fmt: skip


def _without_borders(prepared: Prepared, special: frozenset[int]) -> list[str]:
    ids = sorted(special)
    stores = [each for each in prepared.stores if not np.isin(each.flat, ids).any()]
    return [
        f"{store.path.name} has none of the special ids {ids}: documents run into each other"
        for store in stores
    ]


def _unlike(store: Store, side: str, special: frozenset[int]) -> list[str]:
    longest = int(store.lengths.max())
    rows = [(number, int(row[0 if side == "begin" else -1]))
            for number, row in enumerate(store.rows()) if 0 < row.size < longest]  # fmt: skip
    counts = Counter(id_ for _, id_ in rows if id_ in special)
    usual, count = counts.most_common(1)[0] if counts else (-1, 0)
    if not _ALIKE * len(rows) <= count < len(rows):
        return []
    odd = next(number for number, id_ in rows if id_ != usual)
    return [
        f"{store.path.name}: row {odd} does not {side} with id {usual}, and {count} of {len(rows)} "
        "do: it is one text with its neighbour"
    ]


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


def beyond_model(prepared: Prepared, size: float | None) -> list[str]:
    """Return where ids are that a model of this vocabulary does not have; None is not known."""
    return [
        f"{store.path.name}: id {int(store.flat.max())}, and the model has 0 to {size - 1:.0f}"
        for store in prepared.stores if size is not None and int(store.flat.max()) >= size
    ]  # fmt: skip


def wrong_lengths(prepared: Prepared, wanted: int) -> list[str]:
    """Return the chunks that have not the length they should; 0 takes that of the first."""
    found = []
    for store in prepared.chunks:
        length = wanted or int(store.lengths[0])
        odd = np.flatnonzero(store.lengths[:-1] != length).tolist()
        odd += [len(store) - 1] if store.lengths[-1] > length else []
        found += [f"{store.path.name}: chunk {at} has {store.lengths[at]} ids, not {length}"
                  for at in odd[:3]]  # fmt: skip
    if wanted and not prepared.chunks:
        found += [words for store in prepared.tokens if (words := _nearly_cut(store, wanted))]
    return found


def _nearly_cut(store: Store, wanted: int) -> str:
    """Say that nearly all rows have one length, which is another one than chunks should have."""
    lengths, counts = np.unique(store.lengths, return_counts=True)
    usual, count = int(lengths[counts.argmax()]), int(counts.max())
    if usual == wanted or len(store) < _FEWEST_ROWS or count < _ALIKE * len(store):
        return ""
    return f"{store.path.name}: {count} of {len(store)} rows have {usual} ids, not {wanted}"


def find_lost(prepared: Prepared, most_lost: float) -> list[str]:
    """Return where chunks are not what the tokens say."""
    found = []
    for cut in prepared.cuts:
        alignment, size = cut.alignment, cut.tokens.flat.size
        lost = size - alignment.agreed
        if alignment.departure and lost > most_lost * size:
            found.append(f"{cut.chunks.path.name}: {alignment.departure}")
    return found


def wrong_remainder(prepared: Prepared, wanted: str) -> list[str]:
    """Return where tokens at the end that fill no chunk did not become what they should.

    Args:
        prepared: What was prepared.
        wanted: ``kept``, in a shorter or a padded chunk, ``dropped``, or ``recognised``: either.
    """
    found = []
    for cut in prepared.cuts:
        alignment, chunks = cut.alignment, cut.chunks
        if wanted == "kept" and alignment.remainder:
            found.append(f"{chunks.path.name}: {alignment.remainder} tokens are in no chunk")
        is_short = bool(alignment.padding) or int(chunks.lengths[-1]) < int(chunks.lengths[0])
        if wanted == "dropped" and is_short:
            found.append(f"{chunks.path.name}: chunk {len(chunks) - 1} is not full")
    return found


def find_trained_tests(prepared: Prepared) -> list[str]:
    """Return the tests that are in what is trained on, as names, or texts' names, tell them."""
    folder, stores = prepared.workspace.folder, prepared.tokens or prepared.chunks
    tests = find_test_stores(stores, folder, prepared.texts, prepared.tokenizer)
    return find_shared(stores, folder, tests)


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
    if kind == "unicode" and prepared.tokenizer and prepared.texts:
        return _lost_letters(prepared)
    return f"{kind}: there are {ids} tokens of no text" if kind == "empty" else ""


def judge_invalid(change: str, tried: Tried) -> str:
    """Return what is wrong with how an invalid config was taken; empty where nothing is."""
    if tried.code == 0:
        return f"{change}: it is called valid: {tried.last_words}"
    if tried.code is None or tried.code < 0:
        return f"{change}: it {tried.state}"
    if _TRACEBACK in tried.printed:
        return f"{change}: it ends in a traceback: {tried.last_words}"
    return "" if tried.printed.strip() else f"{change}: it {tried.state}, without a word"


def _lost_letters(prepared: Prepared) -> str:
    coverage = cover_texts(prepared)
    issues = [*find_unknown(prepared), *coverage.foreign, *coverage.missing]
    return f"unicode: {issues[0]}" if issues else ""


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
