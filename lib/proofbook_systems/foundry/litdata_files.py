"""The chunks that ``litdata`` writes for its loader of tokens, read without it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_litdata"]

_TENSORS = {
    11: "<u1", 12: "<i1", 13: "<i2", 14: "<i2", 15: "<i4", 16: "<i4", 17: "<i8", 18: "<i8",
    20: "<u2",
}  # fmt: skip
_ARRAYS = {0: "<i1", 1: "<i2", 2: "<i4", 3: "<i8", 4: "<u1", 5: "<u2", 6: "<u4", 7: "<u8"}
_KINDS = {"no_header_tensor": _TENSORS, "no_header_numpy": _ARRAYS}
"""What the number after a serializer's name stands for."""


def read_litdata(folder: Path) -> list[NDArray[np.int64]] | None:
    """Return the documents of a folder; None where its items are no lists of ids.

    Raises:
        OSError, ValueError, KeyError: It is not as its index says.
    """
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    formats: Any = index["config"].get("data_format") or []
    name, _, number = str(formats[0] if len(formats) == 1 else "").partition(":")
    kind = _KINDS.get(name, {}).get(int(number or -1))
    if kind is None:
        return None
    rows: list[NDArray[np.int64]] = []
    for chunk in index["chunks"]:
        rows += _read_chunk(folder / chunk["filename"], kind)
    return rows


def _read_chunk(path: Path, kind: str) -> list[NDArray[np.int64]]:
    raw = path.read_bytes()
    count = int(np.frombuffer(raw, "<u4", 1)[0])
    offsets = np.frombuffer(raw, "<u4", count + 1, 4)
    return [
        np.frombuffer(raw[first:last], kind).astype(np.int64)
        for first, last in itertools.pairwise(offsets)
    ]
