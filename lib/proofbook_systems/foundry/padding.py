"""Is a network taught the padding of chunks? Where that has an id of the texts, it learns no text.

Padding with an id of its own, such as an end of texts, may be learnt: it says where a text ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from proofbook_systems.foundry.alignment import Padding
from proofbook_systems.foundry.batches import Batches
from proofbook_systems.foundry.pipeline import Cut, Prepared
from proofbook_systems.training.watching import Row, row_digest

__all__ = ["judge_padding"]

_MOST = 5


class _Padded(NamedTuple):
    """A chunk that ends, or begins, with an id of the texts in place of tokens."""

    cut: Cut
    padding: Padding


def judge_padding(prepared: Prepared, batches: Batches) -> dict[str, tuple[list[str] | None, str]]:
    """Return where padding is learnt as text, and what was seen, by the name of the check.

    Nothing is returned where no chunk is padded, or none is learnt as it is; None in place of a
    list where it is not known.
    """
    found = [_Padded(cut, each) for cut in prepared.cuts for each in cut.alignment.padded]
    if not found or batches.origins.kind != "chunks":
        return {}
    ids = ", ".join(map(str, sorted({each.padding.id for each in found})))
    words = f"{len(found)} chunks are padded with id {ids}"
    if prepared.tokenizer is None:
        return _verdict(None, f"{words}; whether texts have it is not known without a tokenizer")
    special = prepared.tokenizer.special
    text = [each for each in found
            if each.padding.id not in special and _has(each.cut, each.padding.id)]  # fmt: skip
    if not text:
        return _verdict([], f"{words}, which no text has")
    seen = [(each, row) for each in text for row in _rows_of(batches, each)]
    if all(row.learnt is None for _, row in seen):
        return _verdict(None, f"{words}, which texts have; what is learnt of it was not seen")
    # In each epoch once.
    issues = dict.fromkeys(issue for each, row in seen for issue in _issue(each, row))
    return _verdict([*issues][:_MOST], words)


def _verdict(issues: list[str] | None, why: str) -> dict[str, tuple[list[str] | None, str]]:
    return {"padding-not-learnt": (issues, why)}


def _has(cut: Cut, id_: int) -> bool:
    return bool((cut.tokens.flat == id_).any())


def _rows_of(batches: Batches, padded: _Padded) -> Iterator[Row]:
    """Yield the rows of a training that are a padded chunk, in any epoch."""
    rows = (row for update in batches.watched.updates for row in update.rows)
    for row, origin in zip(rows, batches.origins.rows, strict=True):
        if origin.store < 0 or origin.place != padded.padding.chunk:
            continue
        if batches.stores[origin.store].path == padded.cut.chunks.path:
            yield row


def _issue(padded: _Padded, row: Row) -> list[str]:
    chunk, place, id_, is_before = padded.padding
    store = padded.cut.chunks
    ids = store.flat[store.starts[chunk] : store.starts[chunk + 1]]
    # A row without its first id has its padding one place earlier.
    first = place - (row.digest == row_digest(ids[1:]))
    if row.learnt is None:
        return []
    # The last place in front of the tokens tells the first of them, and is learnt by right.
    count = first - 1 - row.unlearnt if is_before else row.learnt - first
    if count <= 0:
        return []
    tokens = ids.size - place if is_before else first
    return [
        f"chunk {chunk} of {store.path.name} has {tokens} tokens and is padded with id {id_}, "
        f"which texts have, too: {count} places of the padding are learnt like text"
    ]
