"""Cut tokenized texts into chunks: by our framework, and by the usual grouping with ``datasets``.

Both read the same dataset from disk, and write what a training maps into memory.
"""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Cut", "are_the_same", "cut_by_framework", "cut_by_map", "write_tokens"]

_VOCABULARY, _SHORTEST, _LONGEST = 30_000, 20, 400
_SEED = 3


class Cut(NamedTuple):
    """What cutting took, and what came of it."""

    cpu: float
    """Seconds of this process."""
    wall: float
    """Seconds by the clock."""
    chunks: Any
    """An array of shape (chunks, length)."""


def write_tokens(documents: int, folder: Path) -> Path:
    """Write a dataset of documents of random lengths, and return its folder."""
    import pyarrow as pa
    from datasets import Dataset

    chance = np.random.default_rng(_SEED)
    lengths = chance.integers(_SHORTEST, _LONGEST, documents)
    flat = pa.array(chance.integers(_VOCABULARY, size=int(lengths.sum()), dtype=np.int32))
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    table = pa.table({"input_ids": pa.ListArray.from_arrays(offsets, flat)})
    Dataset(table).save_to_disk(str(folder / "tokens"))
    return folder / "tokens"


def cut_by_framework(tokens: Path, length: int, folder: Path) -> Cut:
    """Cut as our framework does: hash the tokens, cut them, write, sync, map."""
    from proofbook_subjects.foundry.data.chunking import make_chunks
    from proofbook_subjects.foundry.data.tokenized import load_tokenized

    def work() -> Any:
        return make_chunks(load_tokenized(tokens), length, folder, pad_id=0, remainder="drop")

    cpu, wall, chunks = _timed(work, folder)
    return Cut(cpu, wall, np.array(chunks.values))


def cut_by_map(tokens: Path, length: int, folder: Path, batch: int) -> Cut:
    """Cut by grouping batches of documents with ``datasets.map``, which writes what it returns.

    Args:
        tokens: A dataset on disk.
        length: Of a chunk.
        folder: For what is written.
        batch: Documents of a group, each of which loses a remainder; 0 makes one group of all.
    """
    import datasets

    def group(rows: dict[str, list[list[int]]]) -> dict[str, list[list[int]]]:
        ids = list(itertools.chain.from_iterable(rows["input_ids"]))
        ends = range(length, len(ids) + 1, length)
        return {"input_ids": [ids[end - length : end] for end in ends]}

    def work() -> Any:
        dataset = datasets.load_from_disk(str(tokens))
        return dataset.map(
            group, batched=True, batch_size=batch or len(dataset), load_from_cache_file=False,
            cache_file_name=str(folder / "grouped.arrow"),
        )  # fmt: skip

    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        cpu, wall, grouped = _timed(work, folder)
    finally:
        if shown:
            datasets.enable_progress_bars()
    flat = np.concatenate([each.flatten() for each in grouped.data.column("input_ids").chunks])
    return Cut(cpu, wall, flat.reshape(-1, length))


def are_the_same(cuts: Sequence[Any]) -> str:
    """Return where chunks differ from the first ones; empty where none do."""
    for other in cuts[1:]:
        if other.shape != cuts[0].shape:
            return f"there are {len(cuts[0])} chunks, and {len(other)}"
        if not np.array_equal(cuts[0], other):
            return f"chunk {int(np.flatnonzero((cuts[0] != other).any(axis=1))[0])} has other ids"
    return ""


def _timed(work: Callable[[], Any], folder: Path) -> tuple[float, float, Any]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cpu, wall = time.process_time(), time.perf_counter()
    done = work()
    return time.process_time() - cpu, time.perf_counter() - wall, done
