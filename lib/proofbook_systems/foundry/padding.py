"""Is a network taught the padding of chunks? Where that has an id of the texts, it learns no text.

Padding with an id of its own, such as an end of texts, may be learnt: it says where a text ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from proofbook_systems.foundry.alignment import Padding
from proofbook_systems.foundry.batches import Batches
from proofbook_systems.foundry.cuts import Cut
from proofbook_systems.foundry.pipeline import Prepared
from proofbook_systems.foundry.stores import Ids
from proofbook_systems.training.watching import Row, row_digest

__all__ = ["judge_padding"]

_MOST = 5
_UNSEEN = "which texts have; what is learnt of it was not seen"


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
    if batches.origins.kind != "chunks":
        return {}
    if not found:
        return _judge_filled_rows(prepared, batches)
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
        return _verdict(None, f"{words}, {_UNSEEN}")
    # In each epoch once.
    issues = dict.fromkeys(issue for each, row in seen for issue in _issue(each, row))
    return _verdict([*issues][:_MOST], words)


class _Filled(NamedTuple):
    """A row that was filled up with one id when its batch was made."""

    number: int
    row: Row
    tokens: int
    """Those of its own."""
    id: int
    is_before: bool

    @property
    def issue(self) -> list[str]:
        """What of the padding is learnt, where any is."""
        if self.row.learnt is None:
            return []
        # The last place in front of the tokens tells the first of them; one behind them is an end.
        count = self.row.learnt - self.tokens
        if self.is_before:
            count = len(self.row.first) - self.tokens - 1 - self.row.unlearnt
        if count <= 0:
            return []
        return [
            f"row {self.number} has {self.tokens} tokens and is filled up with id {self.id}, "
            f"which texts have, too: {count} places of the padding are learnt like text"
        ]


def _judge_filled_rows(
    prepared: Prepared, batches: Batches
) -> dict[str, tuple[list[str] | None, str]]:
    """Judge the padding that is not in the prepared data, but in the rows that a network got."""
    found = [*_filled_rows(batches)]
    if not found:
        return {}
    ids = ", ".join(map(str, sorted({each.id for each in found})))
    words = f"{len(found)} rows are filled up with id {ids}"
    special = prepared.tokenizer.special if prepared.tokenizer else frozenset[int]()
    text = [each for each in found if each.id not in special and _is_in(batches, each.id)]
    if not text:
        return _verdict([], f"{words}, which no text has")
    if all(each.row.learnt is None for each in text):
        return _verdict(None, f"{words}, {_UNSEEN}")
    issues = dict.fromkeys(issue for each in text for issue in each.issue)
    if issues and prepared.tokenizer is None:
        return _verdict(None, f"{words}, which is learnt; without a tokenizer, it may be an end")
    return _verdict([*issues][:_MOST], words)


def _is_in(batches: Batches, id_: int) -> bool:
    return any(bool((store.flat == id_).any()) for store in batches.stores)


def _filled_rows(batches: Batches) -> Iterator[_Filled]:
    """Yield the rows that are a chunk, or one without its first or last id, and one id more."""
    rows = (row for update in batches.watched.updates for row in update.rows)
    for number, (row, origin) in enumerate(zip(rows, batches.origins.rows, strict=True)):
        if origin.store >= 0 and not origin.words:
            store = batches.stores[origin.store]
            own = store.flat[store.starts[origin.place] : store.starts[origin.place + 1]]
            if (padding := _padding_of(np.asarray(row.first, np.int64), own)) is not None:
                yield _Filled(number, row, *padding)


def _padding_of(ids: Ids, own: Ids) -> tuple[int, int, bool] | None:
    """Return how many ids are a row's own, what fills it up, and whether that is in front."""
    for part in (own, own[:-1], own[1:]):
        more = ids.size - part.size
        if more < 0:
            continue
        if np.array_equal(ids[: part.size], part):
            rest, is_before = ids[part.size :], False
        elif np.array_equal(ids[more:], part):
            rest, is_before = ids[:more], True
        else:
            continue
        alike = rest.size and not bool((rest != rest[0]).any())
        return (part.size, int(rest[0]), is_before) if alike else None
    return None


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
