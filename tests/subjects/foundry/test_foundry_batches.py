"""Batches: in an order that can be taken up anywhere, the same with any number of workers."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.data.batches import (
    Batch,
    ChunkDataset,
    ResumableSampler,
    batch_stream,
    seed_worker,
)
from proofbook_subjects.foundry.data.chunking import make_chunks
from proofbook_subjects.foundry.data.transforms import IGNORED, Item, add_noise, mask_tokens
from proofbook_subjects.foundry.randomness import (
    generator_for,
    random_states,
    restore_random_states,
    set_seed,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

sizes = st.integers(1, 20)


@pytest.fixture
def chunks(tmp_path: Path) -> Any:
    rows = [[*range(10, 10 + 38)]]
    table = pa.table({"input_ids": pa.array(rows, pa.list_(pa.int32()))})
    return make_chunks(Dataset(table), 4, tmp_path, pad_id=0)


def taken(data: ChunkDataset, sampler: ResumableSampler, count: int, workers: int = 0) -> list[Any]:
    stream = batch_stream(data, sampler, workers)
    return [next(stream) for _ in range(count)]


def same(a: Batch, b: Batch) -> bool:
    masks = a.attention_mask is b.attention_mask is None or torch.equal(
        torch.as_tensor(a.attention_mask), torch.as_tensor(b.attention_mask)
    )
    return torch.equal(a.input_ids, b.input_ids) and torch.equal(a.labels, b.labels) and masks


@settings(max_examples=60, deadline=None, derandomize=True)
@given(size=sizes, batch=sizes, seed=st.integers(0, 5), shuffle=st.booleans())
def test_an_epoch_has_every_item_once(size: int, batch: int, seed: int, shuffle: bool) -> None:
    sampler = ResumableSampler(size, batch, seed, shuffle=shuffle)
    for epoch in range(2):
        numbers = [
            number
            for place in range(sampler.batches_per_epoch)
            for number in sampler.numbers(epoch * sampler.batches_per_epoch + place)
        ]
        assert sorted(numbers) == [*range(epoch * size, (epoch + 1) * size)]
        assert shuffle or numbers == sorted(numbers)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(size=sizes, batch=sizes, used=st.integers(0, 50))
def test_a_sampler_goes_on_where_another_was(size: int, batch: int, used: int) -> None:
    first = ResumableSampler(size, batch, 1)
    first.used = used
    second = ResumableSampler(size, batch, 1)
    second.load_state_dict(first.state_dict())
    assert next(iter(second)) == first.numbers(used)
    assert second.epoch == used // first.batches_per_epoch


def test_each_epoch_has_an_order_of_its_own_that_follows_from_the_seed() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return [n % 50 for n in ResumableSampler(50, 50, seed).numbers(epoch)]

    assert order(1, 0) == order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
    assert order(1, 0) != sorted(order(1, 0))


@pytest.mark.parametrize("change", [{"size": 9}, {"batch_size": 3}, {"seed": 2}])
def test_a_state_of_other_data_is_refused(change: dict[str, int]) -> None:
    state = ResumableSampler(8, 2, 1).state_dict()
    with pytest.raises(SubjectError, match=next(iter(change))):
        ResumableSampler(8, 2, 1).load_state_dict(state | change)


def test_batches_have_their_size_and_padding_counts_for_nothing(chunks: Any) -> None:
    data = ChunkDataset(chunks, 1)
    batches = taken(data, ResumableSampler(len(chunks), 4, 1, shuffle=False), 3)
    assert [tuple(batch.input_ids.shape) for batch in batches] == [(4, 4), (4, 4), (2, 4)]
    assert batches[0].attention_mask is None
    assert batches[0].input_ids[0].tolist() == batches[0].labels[0].tolist() == [10, 11, 12, 13]
    assert batches[2].attention_mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert batches[2].labels[1].tolist() == [46, 47, IGNORED, IGNORED]


def transforms() -> list[Any]:
    return [add_noise(0.3, 60, [0]), mask_tokens(0.4, 5, 60, [0, 5])]


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("random_items", [False, True])
def test_workers_change_nothing(chunks: Any, workers: int, random_items: bool) -> None:
    def run(count: int, first: int, last: int) -> list[Any]:
        data = ChunkDataset(chunks, 1, transforms() if random_items else [])
        sampler = ResumableSampler(len(chunks), 4, 1)
        sampler.used = first
        return taken(data, sampler, last - first, count)

    alone = run(0, 0, 6)
    assert all(map(same, alone, run(workers, 0, 6)))
    assert all(map(same, alone[2:], run(workers, 2, 6)))


def test_making_a_loader_draws_no_number_of_the_network(chunks: Any) -> None:
    before = torch.get_rng_state()
    taken(ChunkDataset(chunks, 1, transforms()), ResumableSampler(len(chunks), 4, 1), 4)
    assert torch.equal(before, torch.get_rng_state())


def test_an_item_is_the_same_alone_and_in_a_batch(chunks: Any) -> None:
    data = ChunkDataset(chunks, 1, transforms())
    batch = data.__getitems__([3, 17])
    assert batch.input_ids[1].tolist() == data[17].input_ids.tolist()
    assert batch.labels[1].tolist() == data[17].labels.tolist()


def test_an_item_is_masked_otherwise_in_another_epoch(chunks: Any) -> None:
    data = ChunkDataset(chunks, 1, [mask_tokens(0.5, 5, 60, [])])
    masked = {tuple(data[3 + epoch * len(chunks)].labels.tolist()) for epoch in range(6)}
    assert len(masked) > 1


def item(ids: list[int]) -> Item:
    return Item(input_ids=np.asarray(ids), labels=np.asarray(ids))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(ids=st.lists(st.integers(0, 50), min_size=1, max_size=40), seed=st.integers(0, 9))
def test_masking_asks_for_what_was_there(ids: list[int], seed: int) -> None:
    masked = mask_tokens(0.3, 5, 51, [0, 5])(item(ids), generator_for("t", seed))
    chosen = masked.labels != IGNORED
    assert masked.labels[chosen].tolist() == np.asarray(ids)[chosen].tolist()
    assert masked.input_ids[~chosen].tolist() == np.asarray(ids)[~chosen].tolist()
    assert chosen.any() == any(number not in (0, 5) for number in ids)
    assert not {0, 5} & {*masked.labels.tolist()}


def test_masking_takes_its_shares() -> None:
    masked = mask_tokens(0.15, 5, 1000, [])(item([7] * 20_000), generator_for("shares"))
    chosen = masked.labels != IGNORED
    assert chosen.mean() == pytest.approx(0.15, abs=0.01)
    assert (masked.input_ids[chosen] == 5).mean() == pytest.approx(0.8, abs=0.03)
    assert (masked.input_ids[chosen] == 7).mean() == pytest.approx(0.1, abs=0.02)


def test_noise_leaves_labels_and_special_tokens_alone() -> None:
    noisy = add_noise(0.5, 1000, [0])(item([0] * 500 + [7] * 500), generator_for("noise"))
    assert noisy.labels.tolist() == [0] * 500 + [7] * 500
    assert noisy.input_ids[:500].tolist() == [0] * 500
    assert (noisy.input_ids[500:] != 7).mean() == pytest.approx(0.5, abs=0.08)


def test_workers_are_seeded_differently_and_repeatably() -> None:
    states = random_states()
    try:
        seeds = [seed_worker(1, worker) for worker in range(4)]
        assert len({*seeds}) == 4
        first = (seed_worker(1, 0), random.random(), np.random.rand(), float(torch.rand(1)))
        assert (seed_worker(1, 0), random.random(), np.random.rand(), float(torch.rand(1))) == first
    finally:
        restore_random_states(states)


def test_a_seed_makes_every_generator_repeat_itself() -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(1))

    before = random_states()
    try:
        set_seed(5)
        first = draw()
        states = random_states()
        later = draw()
        set_seed(5)
        assert draw() == first != later
        restore_random_states(states)
        assert draw() == later
    finally:
        restore_random_states(before)
