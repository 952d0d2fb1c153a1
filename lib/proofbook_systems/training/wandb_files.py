"""Losses in the files that Weights & Biases writes where it is offline, read without its package.

A file is a log of records in blocks, as LevelDB has them; each record is a protocol buffer. Of the
records only histories are looked at: pairs of a key and a value in JSON.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

from proofbook_systems.training.protobuf import fields

__all__ = ["find_wandb_files", "read_wandb"]

_BLOCK, _FILE_HEADER, _RECORD_HEADER = 32768, 7, 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_HISTORY, _ITEM = 2, 1
"""Numbers of the fields: a record's history, and a history's item."""
_KEY, _NESTED_KEY, _VALUE = 1, 2, 16
_LOSSES = ("loss", "train/loss", "train_loss", "training_loss", "total_loss", "lm_loss")


def find_wandb_files(output: Path) -> list[Path]:
    """Return the runs' files below an output folder, the newest last."""
    paths = [path for path in output.rglob("*.wandb") if path.is_file()]
    return sorted(paths, key=lambda path: (path.stat().st_mtime_ns, str(path)))


def read_wandb(path: Path) -> dict[int, float]:
    """Return the losses in a run's file by their step; what is cut off at its end is left out."""
    losses: dict[int, float] = {}
    for record in _records(path.read_bytes()):
        for number, content in fields(record):
            if number == _HISTORY and isinstance(content, bytes):
                values = dict(_items(content))
                loss = next((values[key] for key in _LOSSES if key in values), None)
                step = values.get("_step")
                if isinstance(step, int | float) and isinstance(loss, int | float):
                    losses[int(step)] = float(loss)
    return losses


def _records(content: bytes) -> Iterator[bytes]:
    """Yield whole records; one may be cut into several pieces."""
    place, whole = _FILE_HEADER, b""
    while place + _RECORD_HEADER <= len(content):
        left = _BLOCK - place % _BLOCK
        if left < _RECORD_HEADER:
            place += left
            continue
        _, size, kind = struct.unpack_from("<IHB", content, place)
        start = place + _RECORD_HEADER
        piece, place = content[start : start + size], start + size
        if len(piece) < size or kind not in (_FULL, _FIRST, _MIDDLE, _LAST):
            return
        whole = piece if kind in (_FULL, _FIRST) else whole + piece
        if kind in (_FULL, _LAST):
            yield whole


def _items(history: bytes) -> Iterator[tuple[str, object]]:
    for number, content in fields(history):
        if number != _ITEM or not isinstance(content, bytes):
            continue
        found = list(fields(content))
        keys = [value for n, value in found if n in (_KEY, _NESTED_KEY)]
        values = [value for n, value in found if n == _VALUE]
        key = b"/".join(each for each in keys if isinstance(each, bytes)).decode(errors="replace")
        if key and values and isinstance(values[0], bytes):
            try:
                yield key, json.loads(values[0])
            except ValueError:
                continue  # a value of its author's own kind
