"""Chunks have one length, and together they are the stream of tokens, to the last one."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset, DatasetDict
from hypothesis import given, settings
from hypothesis import strategies as st

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.data import chunking
from proofbook_subjects.foundry.data.chunking import (
    Chunks,
    content_hash,
    cut_chunks,
    load_chunks,
    make_chunks,
)
from proofbook_subjects.foundry.data.statistics import calculate_statistics, steps_per_epoch
from proofbook_subjects.foundry.data.tokenized import load_tokenized, validate_tokenized

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Documents = list[list[int]]
documents = st.lists(st.lists(st.integers(0, 400), max_size=30), min_size=1, max_size=20)


def dataset(rows: Documents) -> Any:
    return Dataset(pa.table({"input_ids": pa.array(rows, pa.list_(pa.int32()))}))


def stream(chunks: Chunks) -> list[int]:
    return [int(n) for n in chunks.values.reshape(-1)[: chunks.info.tokens]]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(rows=documents, length=st.integers(2, 12))
def test_cutting_keeps_every_token_in_order(rows: Documents, length: int) -> None:
    blocks = [*cut_chunks([np.asarray(row, np.int32) for row in rows], length)]
    tokens = [int(n) for block in blocks for n in block.reshape(-1)]
    assert tokens == [*itertools.chain.from_iterable(rows)]
    assert all(block.shape[1] == length for block in blocks[:-1])
    assert all(block.size for block in blocks)
    if blocks and blocks[-1].shape[1] != length:
        assert blocks[-1].shape[0] == 1


@settings(max_examples=40, deadline=None, derandomize=True)
@given(rows=documents, length=st.integers(2, 12), rows_at_once=st.integers(1, 3))
def test_where_the_stream_is_cut_into_blocks_changes_nothing(
    rows: Documents, length: int, rows_at_once: int
) -> None:
    parts = [np.asarray(row, np.int32) for row in rows]
    whole = [block.reshape(-1).tolist() for block in cut_chunks(parts, length)]
    before, chunking._ROWS = chunking._ROWS, rows_at_once
    try:
        pieces = [block.reshape(-1).tolist() for block in cut_chunks(parts, length)]
    finally:
        chunking._ROWS = before
    assert [*itertools.chain(*pieces)] == [*itertools.chain(*whole)]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(rows=documents.filter(lambda rows: sum(map(len, rows)) > 0), length=st.integers(2, 9))
def test_chunks_on_disk_are_the_stream(
    tmp_path_factory: pytest.TempPathFactory, rows: Documents, length: int
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    chunks = make_chunks(dataset(rows), length, cache, pad_id=7)
    assert stream(chunks) == [*itertools.chain.from_iterable(rows)]
    assert chunks.values.shape == (len(chunks), length)
    assert chunks.info.tokens + chunks.info.padding == chunks.values.size
    assert set(chunks.values.reshape(-1)[chunks.info.tokens :]) <= {7}
    assert 0 <= chunks.info.padding < length


@pytest.mark.parametrize(("length", "count"), [(32, 100), (64, 50), (128, 25)])
def test_every_chunk_has_the_length_that_was_asked_for(
    tmp_path: Path, length: int, count: int
) -> None:
    rows = [[1, 2, 3, 4, 5] * 10 for _ in range(count)]
    chunks = make_chunks(dataset(rows), length, tmp_path, pad_id=0)
    assert all(len(chunk) == length for chunk in chunks.values)
    assert len(chunks) == -(-50 * count // length)


def test_short_sequences_are_joined_and_waste_nothing(tmp_path: Path) -> None:
    chunks = make_chunks(dataset([[1, 2]] * 8), 8, tmp_path, pad_id=0)
    assert (len(chunks), chunks.info.padding) == (2, 0)
    assert chunks.values.tolist() == [[1, 2] * 4] * 2


def test_a_single_short_sequence_is_one_padded_chunk(tmp_path: Path) -> None:
    chunks = make_chunks(dataset([[5, 6, 7]]), 8, tmp_path, pad_id=9)
    assert chunks.values.tolist() == [[5, 6, 7, 9, 9, 9, 9, 9]]
    assert chunks.real_tokens(0) == 3


def test_the_remainder_is_dropped_only_when_asked_for_and_counted(tmp_path: Path) -> None:
    chunks = make_chunks(dataset([[1, 2, 3, 4, 5]]), 2, tmp_path, pad_id=0, remainder="drop")
    assert (len(chunks), chunks.info.tokens, chunks.info.dropped) == (2, 4, 1)
    with pytest.raises(SubjectError, match="fill no chunk of 8"):
        make_chunks(dataset([[1, 2]]), 8, tmp_path, pad_id=0, remainder="drop")


@pytest.mark.parametrize(("largest", "kind"), [(400, "uint16"), (70_000, "int32")])
def test_ids_are_stored_as_wide_as_they_are(tmp_path: Path, largest: int, kind: str) -> None:
    chunks = make_chunks(dataset([[1, largest]]), 2, tmp_path, pad_id=0)
    assert chunks.values.dtype == kind
    assert stream(chunks) == [1, largest]


def test_chunks_are_mapped_and_not_read(tmp_path: Path) -> None:
    chunks = make_chunks(dataset([[1, 2, 3]]), 2, tmp_path, pad_id=0)
    assert isinstance(chunks.values, np.memmap)
    assert not chunks.values.flags.writeable


def test_the_cache_is_used_for_the_same_tokens_and_length_alone(tmp_path: Path) -> None:
    def made(rows: Documents, length: int = 2, **more: Any) -> int:
        chunks = make_chunks(dataset(rows), length, tmp_path, **{"pad_id": 0, **more})
        return Path(chunks.values.filename).stat().st_mtime_ns  # type: ignore[attr-defined]

    first = made([[1, 2, 3]])
    assert made([[1, 2], [3]]) == first  # the same stream, stored otherwise
    assert len([*tmp_path.iterdir()]) == 1
    made([[1, 2, 4]]), made([[1, 2, 3]], 3), made([[1, 2, 3]], pad_id=5)
    made([[1, 2, 3]], remainder="drop")
    assert len([*tmp_path.iterdir()]) == 5
    assert made([[1, 2, 3]]) == first


@pytest.mark.parametrize("fault", ["info", "short", "gone", "other"])
def test_a_broken_cache_is_made_again(tmp_path: Path, fault: str) -> None:
    make_chunks(dataset([[1, 2, 3]]), 2, tmp_path, pad_id=0)
    (place,) = tmp_path.iterdir()
    if fault == "info":
        (place / "chunks.json").write_text("{}")
    elif fault == "other":
        text = (place / "chunks.json").read_text()
        (place / "chunks.json").write_text(text.replace('"chunks": 2', '"chunks": 3'))
    elif fault == "short":
        (place / "chunks.npy").write_bytes((place / "chunks.npy").read_bytes()[:-2])
    else:
        (place / "chunks.npy").unlink()
    with pytest.raises(SubjectError, match="no complete chunks"):
        load_chunks(place)
    assert stream(make_chunks(dataset([[1, 2, 3]]), 2, tmp_path, pad_id=0)) == [1, 2, 3]


def test_a_full_disk_leaves_nothing_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(chunking.os, "fsync", full)
    with pytest.raises(SubjectError, match="No space left"):
        make_chunks(dataset([[1, 2, 3]]), 2, tmp_path, pad_id=0)
    assert [*tmp_path.iterdir()] == []


def test_the_content_is_that_of_the_tokens_and_not_of_their_storage() -> None:
    rows = dataset([[1, 2], [3, 4], [5]])
    assert content_hash(rows) == content_hash(dataset([[1, 2, 3, 4, 5]]))
    assert content_hash(rows.select([1, 0, 2])) != content_hash(rows)
    wide = Dataset(pa.table({"input_ids": pa.array([[1, 2, 3, 4, 5]], pa.large_list(pa.int64()))}))
    assert content_hash(wide) == content_hash(rows)


def test_a_selection_of_rows_has_only_their_tokens(tmp_path: Path) -> None:
    rows = dataset([[1, 2], [3, 4], [5, 6], [7, 8]])
    assert stream(make_chunks(rows.select(range(1, 3)), 2, tmp_path, pad_id=0)) == [3, 4, 5, 6]
    assert stream(make_chunks(rows.select([3, 0]), 2, tmp_path, pad_id=0)) == [7, 8, 1, 2]


def test_a_good_dataset_is_counted() -> None:
    known = validate_tokenized(dataset([[1, 2], [], [9]]), 10)
    assert known == (3, 3, 9)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"text": ["a"]}, "not 'input_ids'"),
        ({"input_ids": ["a"]}, "lists of integers"),
        ({"input_ids": [1, 2]}, "lists of integers"),
        ({"input_ids": [[0.5]]}, "lists of integers"),
        ({"input_ids": pa.array([[]], pa.list_(pa.int32()))}, "dataset is empty"),
        ({"input_ids": pa.array([], pa.list_(pa.int32()))}, "dataset is empty"),
        ({"input_ids": [[1, 10]]}, "token 10; the model knows 0 to 9"),
        ({"input_ids": [[1, -1]]}, "token -1"),
        ({"input_ids": [[1], None]}, "empty value"),
        ({"input_ids": [[1, None]]}, "empty value"),
    ],
)
def test_a_bad_dataset_is_refused(table: dict[str, Any], words: str) -> None:
    with pytest.raises(SubjectError, match=words):
        validate_tokenized(Dataset(pa.table(table)), 10)


def test_what_cannot_be_loaded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match="run tokenize-dataset first"):
        load_tokenized(tmp_path / "none")
    with pytest.raises(SubjectError, match="no dataset that can be loaded"):
        load_tokenized(tmp_path)
    DatasetDict(train=dataset([[1]])).save_to_disk(str(tmp_path / "splits"))
    with pytest.raises(SubjectError, match="splits train"):
        load_tokenized(tmp_path / "splits")


@pytest.mark.parametrize(
    ("chunks", "batch", "accumulation", "steps"),
    [(10, 2, 1, 5), (11, 2, 1, 6), (11, 2, 4, 2), (1, 8, 8, 1), (12, 3, 2, 2)],
)
def test_the_steps_of_an_epoch_are_counted(
    chunks: int, batch: int, accumulation: int, steps: int
) -> None:
    assert steps_per_epoch(chunks, batch, accumulation) == steps


def test_statistics_say_what_an_epoch_is_made_of(tmp_path: Path) -> None:
    known = calculate_statistics(make_chunks(dataset([[1] * 9]), 4, tmp_path, pad_id=0), 2, 1)
    assert (known.chunks, known.tokens, known.padding, known.batches, known.steps) == (
        3,
        9,
        3,
        2,
        2,
    )
    assert known.waste == pytest.approx(0.25)
