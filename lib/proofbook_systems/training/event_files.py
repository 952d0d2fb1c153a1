"""The scalars in TensorBoard's event files, read without TensorBoard.

The format: records of a length, its checksum, a protocol buffer ``Event`` and its checksum; an
event has a step (field 2) and a summary (5), whose values (1) have a tag (1) and a float (2) or a
tensor (8). Source: tensorboard's event.proto and summary.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from proofbook_systems.training.protobuf import fields

__all__ = ["Scalar", "read_scalars"]


class Scalar(NamedTuple):
    """One value."""

    step: int
    tag: str
    value: float


def read_scalars(path: Path) -> Iterator[Scalar]:
    """Yield the scalars of a file; a record that is being written ends it."""
    data = path.read_bytes()
    place = 0
    while place + 12 <= len(data):
        (size,) = struct.unpack_from("<Q", data, place)
        start, place = place + 12, place + 16 + size
        if place > len(data):
            return
        yield from _event(data[start : start + size])


def _event(data: bytes) -> Iterator[Scalar]:
    step, summary = 0, b""
    for field, value in fields(data):
        if field == 2 and isinstance(value, int):
            step = value
        elif field == 5 and isinstance(value, bytes):
            summary = value
    for field, value in fields(summary):
        if field == 1 and isinstance(value, bytes):
            yield from _value(step, value)


def _value(step: int, data: bytes) -> Iterator[Scalar]:
    tag, number = "", None
    for field, value in fields(data):
        if not isinstance(value, bytes):
            continue
        if field == 1:
            tag = value.decode(errors="replace")
        elif field == 2 and len(value) == 4:
            (number,) = struct.unpack("<f", value)
        elif field == 8:
            number = _tensor(value)
    if number is not None:
        yield Scalar(step, tag, number)


def _tensor(data: bytes) -> float | None:
    """Return the value of a tensor that is one float: field 5, or the bytes of field 4."""
    for field, value in fields(data):
        if field in (4, 5) and isinstance(value, bytes) and len(value) == 4:
            return float(struct.unpack("<f", value)[0])
    return None
