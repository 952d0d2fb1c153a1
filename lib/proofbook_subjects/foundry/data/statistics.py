"""What is known of chunks before a training: counts, and the steps that they make."""

from __future__ import annotations

import math
from typing import NamedTuple

from proofbook_subjects.foundry.data.chunking import Chunks

__all__ = ["DataStatistics", "batches_per_epoch", "calculate_statistics", "steps_per_epoch"]


class DataStatistics(NamedTuple):
    """Of one epoch."""

    chunks: int
    chunk_length: int
    tokens: int
    padding: int
    dropped: int
    batches: int
    steps: int

    @property
    def waste(self) -> float:
        """Share of all places in chunks that hold no token."""
        return self.padding / (self.chunks * self.chunk_length)


def batches_per_epoch(chunks: int, batch_size: int) -> int:
    """Return the forward passes of an epoch; the last one may be smaller."""
    return math.ceil(chunks / batch_size)


def steps_per_epoch(chunks: int, batch_size: int, accumulation: int) -> int:
    """Return the optimizer steps of an epoch; the last one may have fewer forward passes."""
    return math.ceil(batches_per_epoch(chunks, batch_size) / accumulation)


def calculate_statistics(chunks: Chunks, batch_size: int, accumulation: int) -> DataStatistics:
    """Return what an epoch of these chunks is made of."""
    info = chunks.info
    return DataStatistics(
        chunks=info.chunks, chunk_length=info.length, tokens=info.tokens, padding=info.padding,
        dropped=info.dropped, batches=batches_per_epoch(info.chunks, batch_size),
        steps=steps_per_epoch(info.chunks, batch_size, accumulation),
    )  # fmt: skip
