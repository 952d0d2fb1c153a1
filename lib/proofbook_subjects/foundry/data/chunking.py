"""Cut a stream of tokens into chunks of one length, and keep them in a file that can be mapped.

Documents follow each other without gaps, so that no token is lost and none is padding but at the
very end. Memory does not grow with the data. Knows nothing about text.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from proofbook.errors import SubjectError
from proofbook.files import atomic_write
from proofbook_subjects.foundry.data.tokenized import iter_tokens

__all__ = ["ChunkInfo", "Chunks", "content_hash", "cut_chunks", "load_chunks", "make_chunks"]

_DATA, _INFO = "chunks.npy", "chunks.json"
_FORMAT = 1
_WIDE = 2**16
_HEADER = 128
_ROWS = 4096

Remainder = Literal["pad", "drop"]


class ChunkInfo(BaseModel):
    """What is known of a file of chunks; written last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    content: str
    """Hash of the tokens that were cut."""
    length: int
    """Tokens of each chunk."""
    chunks: int
    tokens: int
    """Real ones, padding left out."""
    padding: int
    """Places after the last token of the last chunk."""
    dropped: int
    """Tokens at the end that were left out."""


class Chunks:
    """Chunks in a mapped file: an array of shape (chunks, length)."""

    def __init__(self, info: ChunkInfo, values: NDArray[Any]) -> None:
        self.info, self.values = info, values

    def __len__(self) -> int:
        return self.info.chunks

    def real_tokens(self, index: int) -> int:
        """Return how many tokens of a chunk are no padding."""
        is_last = index == self.info.chunks - 1
        return self.info.length - (self.info.padding if is_last else 0)


def cut_chunks(parts: Iterable[NDArray[Any]], length: int) -> Iterator[NDArray[Any]]:
    """Yield arrays of shape (chunks, length), and last one of shape (1, fewer) if tokens are left.

    Args:
        parts: Flat arrays of tokens, in order.
        length: Of a chunk.
    """
    waiting: list[NDArray[Any]] = []
    count = 0
    for part in parts:
        waiting.append(part)
        count += part.size
        if count >= length * _ROWS:
            flat = np.concatenate(waiting)
            full = count - count % length
            yield flat[:full].reshape(-1, length)
            # A copy, since a view would keep all of it in memory.
            waiting, count = [flat[full:].copy()], count - full
    flat = np.concatenate(waiting) if waiting else np.empty(0, np.int32)
    full = count - count % length
    if full:
        yield flat[:full].reshape(-1, length)
    if count > full:
        yield flat[full:].reshape(1, -1)


def content_hash(dataset: Any) -> str:
    """Return a hash of a dataset's tokens, however they are stored."""
    digest = hashlib.sha256()
    for part in iter_tokens(dataset):
        digest.update(np.ascontiguousarray(part, dtype="<i8").data)
    return digest.hexdigest()


def make_chunks(
    dataset: Any, length: int, cache: Path, *, pad_id: int, remainder: Remainder = "pad"
) -> Chunks:
    """Return a dataset's chunks; they are cut only where the cache does not have them.

    Args:
        dataset: Validated.
        length: Tokens of each chunk.
        cache: Folder of all chunks; they are kept by content, length and what ends them.
        pad_id: Token after the last one.
        remainder: What becomes of tokens at the end that fill no chunk.

    Raises:
        SubjectError: There would be no chunk, or the disk is full.
    """
    content = content_hash(dataset)
    end = f"pad{pad_id}" if remainder == "pad" else "drop"
    place = cache / f"chunks-{content[:16]}-{length}-{end}"
    known = _read_info(place)
    if known is None or (known.content, known.length) != (content, length):
        _build(dataset, content, length, place, None if remainder == "drop" else pad_id)
    return load_chunks(place)


def load_chunks(place: Path) -> Chunks:
    """Return the chunks in a folder, mapped into memory.

    Raises:
        SubjectError: They are not there, or not as their description says.
    """
    info = _read_info(place)
    if info is None:
        raise SubjectError(f"{place} has no complete chunks; run preprocess-data")
    values = np.load(place / _DATA, mmap_mode="r", allow_pickle=False)
    return Chunks(info, values)


def _read_info(place: Path) -> ChunkInfo | None:
    """Return the description of complete chunks; None where something is missing or cut short."""
    try:
        info = ChunkInfo.model_validate_json((place / _INFO).read_bytes())
        values = np.load(place / _DATA, mmap_mode="r", allow_pickle=False)
    except (OSError, ValidationError, ValueError):
        return None
    fits = info.format == _FORMAT and values.shape == (info.chunks, info.length)
    return info if fits else None


def _build(dataset: Any, content: str, length: int, place: Path, pad_id: int | None) -> None:
    partial = place.with_name(f".{place.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        info = _write(dataset, content, length, partial / _DATA, pad_id)
        atomic_write(partial / _INFO, info.model_dump_json(indent=1))
        shutil.rmtree(place, ignore_errors=True)
        partial.rename(place)
    except OSError as error:
        raise SubjectError(f"chunks cannot be written to {place}: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(dataset: Any, content: str, length: int, path: Path, pad_id: int | None) -> ChunkInfo:
    kind = np.dtype(np.uint16 if _largest(dataset, pad_id) < _WIDE else np.int32)
    rows = tokens = padding = dropped = 0
    with path.open("wb") as file:
        file.write(b"\0" * _HEADER)
        for block in cut_chunks(iter_tokens(dataset), length):
            short = length - block.shape[1]
            if short and pad_id is None:
                dropped = block.size
                continue
            tokens += block.size
            if short:
                padding = short
                block = np.pad(block, ((0, 0), (0, short)), constant_values=pad_id or 0)
            rows += len(block)
            file.write(np.ascontiguousarray(block, dtype=kind).data)
        if not rows:
            raise SubjectError(
                f"{dropped} tokens fill no chunk of {length}; give more text, a smaller "
                "data.max_sequence_length, or data.remainder: pad"
            )
        file.seek(0)
        file.write(_npy_header(kind, (rows, length)))
        file.flush()
        os.fsync(file.fileno())
    return ChunkInfo(
        format=_FORMAT, content=content, length=length, chunks=rows, tokens=tokens,
        padding=padding, dropped=dropped,
    )  # fmt: skip


def _npy_header(kind: np.dtype[Any], shape: tuple[int, int]) -> bytes:
    """Return the first bytes of numpy's file format, in version 1.0, at a fixed size."""
    fields = json.dumps({"descr": kind.str, "fortran_order": False}).replace("false", "False")
    words = f'{fields[:-1]}, "shape": {shape}, }}'
    size = _HEADER - 10
    return b"\x93NUMPY\x01\x00" + size.to_bytes(2, "little") + f"{words:<{size - 1}}\n".encode()


def _largest(dataset: Any, pad_id: int | None) -> int:
    largest = max((int(part.max()) for part in iter_tokens(dataset) if part.size), default=0)
    return max(largest, pad_id or 0)
