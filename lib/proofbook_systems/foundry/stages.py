"""Which of several stores are earlier stages of another? Caches keep each stage of a preparation.

Only the last stage is trained on. Parts of one stage, such as the files of a large data set, have
rows of their own, and are kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from proofbook_systems.foundry.stores import Store

__all__ = ["last_stages"]

_MOST = 5_000_000
"""Comparisons of two rows, above which stores are taken for parts of one stage."""


def last_stages(stores: Sequence[Store]) -> list[Store]:
    """Return stores without those whose rows another has: the same, cut shorter, or packed."""
    return [
        store for number, store in enumerate(stores)
        if not any(_is_made_of(later, store) and (other < number or not _is_made_of(store, later))
                   for other, later in enumerate(stores) if other != number)
    ]  # fmt: skip


def _is_made_of(later: Store, store: Store) -> bool:
    """Say whether each row of a store begins with a row of another, or such a row with it."""
    lengths = {int(length) for length in store.lengths if length}
    sizes = {int(length) for length in later.lengths}
    work = len(later) * len(lengths) + len(store) * len(sizes)
    if later.flat.size > store.flat.size or work > _MOST:
        return False
    whole = {row.tobytes() for row in store.rows()}
    beginnings = {row[:size].tobytes() for row in store.rows() for size in sizes}
    return all(
        row.tobytes() in beginnings
        or any(row[:length].tobytes() in whole for length in lengths if length <= row.size)
        for row in later.rows()
    )
