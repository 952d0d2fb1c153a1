"""Batches in an order that follows from the seed, from any place on.

A batch is told by its number in all the training. The numbers are made in the trainer's own process
and handed to the workers, so that what was used, and not what was prepared, is where it goes on.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.data.chunking import Chunks
from proofbook_subjects.foundry.data.transforms import IGNORED, Item, Transform
from proofbook_subjects.foundry.randomness import derive_seed, generator_for, set_seed

if TYPE_CHECKING:
    import torch

__all__ = ["Batch", "ChunkDataset", "ResumableSampler", "batch_stream", "seed_worker"]


class Batch(NamedTuple):
    """One forward pass; tensors of shape (chunks, length)."""

    input_ids: torch.Tensor
    labels: torch.Tensor
    attention_mask: torch.Tensor | None
    """None where there is no padding."""

    def to(self, device: Any) -> Batch:
        """Return it on a device."""
        mask = self.attention_mask
        return Batch(
            self.input_ids.to(device),
            self.labels.to(device),
            None if mask is None else mask.to(device),
        )

    def rows(self, first: int, end: int) -> Batch:
        """Return some of its chunks."""
        mask = self.attention_mask
        return Batch(
            self.input_ids[first:end],
            self.labels[first:end],
            None if mask is None else mask[first:end],
        )


class ResumableSampler:
    """The item numbers of each batch, without end, and the number of the next one to be used.

    An item's number is ``epoch * size + index``.
    """

    def __init__(self, size: int, batch_size: int, seed: int, *, shuffle: bool = True) -> None:
        self.size, self.batch_size, self.shuffle, self.seed = size, batch_size, shuffle, seed
        self.used = 0
        """Batches that have been used."""

    @property
    def batches_per_epoch(self) -> int:
        """Batches of an epoch; the last may be smaller."""
        return math.ceil(self.size / self.batch_size)

    @property
    def epoch(self) -> int:
        """The epoch of the next batch, from 0."""
        return self.used // self.batches_per_epoch

    def numbers(self, batch: int) -> list[int]:
        """Return the item numbers of a batch."""
        epoch, place = divmod(batch, self.batches_per_epoch)
        first = place * self.batch_size
        order = self._order(epoch)[first : first + self.batch_size]
        return [epoch * self.size + int(index) for index in order]

    def __iter__(self) -> Iterator[list[int]]:
        batch = self.used
        while True:
            yield self.numbers(batch)
            batch += 1

    def state_dict(self) -> dict[str, Any]:
        """Return what it takes to go on."""
        return {
            "used": self.used, "epoch": self.epoch, "size": self.size, "seed": self.seed,
            "batch_size": self.batch_size, "shuffle": self.shuffle,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another one was.

        Raises:
            SubjectError: It was of other data, or in another order.
        """
        mine = self.state_dict()
        for key in ("size", "seed", "batch_size", "shuffle"):
            if state[key] != mine[key]:
                raise SubjectError(
                    f"the checkpoint's data had {key} {state[key]}, and this has {mine[key]}: it "
                    "is of other data"
                )
        self.used = int(state["used"])

    def _order(self, epoch: int) -> NDArray[np.int64]:
        return _order(self.size, self.seed, epoch) if self.shuffle else np.arange(self.size)


@lru_cache(maxsize=2)
def _order(size: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return generator_for("order", seed, epoch).permutation(size)


class ChunkDataset:
    """Chunks by item number, each after its transforms; a batch is read at once."""

    def __init__(self, chunks: Chunks, seed: int, transforms: Sequence[Transform] = ()) -> None:
        self.chunks, self._seed, self._transforms = chunks, seed, tuple(transforms)

    def __len__(self) -> int:
        return len(self.chunks)

    def __getitem__(self, number: int) -> Item:
        index = number % len(self.chunks)
        ids = self.chunks.values[index].astype(np.int64)
        labels = ids.copy()
        labels[self.chunks.real_tokens(index) :] = IGNORED
        item = Item(input_ids=ids, labels=labels)
        chance = generator_for("item", self._seed, number) if self._transforms else None
        for transform in self._transforms:
            assert chance is not None
            item = transform(item, chance)
        return item

    def __getitems__(self, numbers: list[int]) -> Batch:
        """Return a whole batch; PyTorch's loader asks for it under this name."""
        import torch

        if self._transforms:
            items = [self[number] for number in numbers]
            ids = torch.from_numpy(np.stack([item.input_ids for item in items]))
            labels = torch.from_numpy(np.stack([item.labels for item in items]))
        else:
            indices = np.asarray(numbers) % len(self.chunks)
            ids = torch.from_numpy(self.chunks.values[indices].astype(np.int64))
            labels = ids.clone()
        mask = self._mask_padding(numbers, ids, labels)
        return Batch(ids, labels, mask)

    def _mask_padding(
        self, numbers: Sequence[int], ids: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor | None:
        """Mark padding, which is in the last chunk alone, and have it count for nothing."""
        import torch

        last, mask = len(self.chunks) - 1, None
        for row, number in enumerate(numbers):
            if self.chunks.info.padding and number % len(self.chunks) == last:
                mask = torch.ones_like(ids) if mask is None else mask
                end = self.chunks.real_tokens(last)
                mask[row, end:] = 0
                labels[row, end:] = IGNORED
        return mask


def batch_stream(dataset: ChunkDataset, sampler: ResumableSampler, workers: int) -> Iterator[Batch]:
    """Yield batches from where the sampler is, without end.

    The loader draws a seed of its own; it has a generator for that, so that the network's random
    numbers are the same whether it is made once or at every resumption.
    """
    import torch
    from torch.utils.data import DataLoader

    loader: Any = DataLoader(
        dataset,  # type: ignore[arg-type]  # its items have more numbers than it has items
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=_as_it_is,
        worker_init_fn=_WorkerInit(sampler.seed),
        generator=torch.Generator().manual_seed(derive_seed("loader", sampler.seed)),
    )
    return iter(loader)


def seed_worker(seed: int, worker: int) -> int:
    """Seed a worker's global generators, each worker's differently; return the seed."""
    own = derive_seed("worker", seed, worker)
    set_seed(own)
    return own


class _WorkerInit:
    """What a worker does first; a class, so that it can be sent to one that is spawned."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __call__(self, worker: int) -> None:
        # It is the trainer that stops: it may still need a batch to finish its step.
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, signal.SIG_IGN)
        seed_worker(self._seed, worker)


def _as_it_is(batch: Any) -> Any:
    return batch
