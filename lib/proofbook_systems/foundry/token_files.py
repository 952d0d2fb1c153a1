"""Files of nothing but ids, and the files beside them that say where documents end.

Megatron's ``.bin`` with its ``.idx``, ``.ds`` with its ``.index``, and raw memory maps with a table
of their documents are read, as well as ids behind a known header. Runs nobody's code.
"""

from __future__ import annotations

import csv
import gzip
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_torn", "is_table", "read_npy", "read_raw_ids"]

Rows = list[NDArray[np.int64]]

_NUMPY = b"\x93NUMPY"
_NO_IDS = (b"PK", b"\x80\x02")
"""How archives and pickles begin."""
_NUMBERS = {1: "<u1", 2: "<i1", 3: "<i2", 4: "<i4", 5: "<i8", 8: "<u2"}
"""What the number of a type stands for, in Megatron's files and in packed ones."""
_WIDTHS = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<i8"}
_FIXED_HEADERS = {struct.pack("<I", 20240520): "<u2", struct.pack("<I", 20240801): "<u4"}
"""How files with a header of 256 numbers begin, and the type of the ids behind it."""
_FIXED = 1024
_PACKED = b"LITPKDS"
_PACKED_HEADER = struct.Struct("<7sQBQ")
_MEGATRON = struct.Struct("<9sQBQQ")
_MEGATRON_MAGIC = b"MMIDIDX\x00\x00"


class _Index(NamedTuple):
    """What a file beside the ids says."""

    path: Path
    lengths: NDArray[np.int64]
    """Ids of each document."""
    kind: str
    """Type of the ids; empty where that is not said."""


def read_npy(path: Path) -> Rows | None:
    """Return the rows of a numpy file; ids alone under its name, without a header, are read too.

    Raises:
        OSError, ValueError: It is no such file, or not as long as it says.
    """
    if not _is_numpy(path):
        return read_raw_ids(path)
    values = np.load(path, mmap_mode="r", allow_pickle=False)
    if values.dtype.kind not in "iu" or values.ndim not in (1, 2):
        return None
    return list(np.atleast_2d(values).astype(np.int64))


def is_table(path: Path) -> bool:
    """Say whether a numpy file has rows, even if it is one; ids in a line are not cut."""
    if not path.is_file() or not _is_numpy(path):
        return False
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
        return version[0] in read and len(read[version[0]](file)[0]) == 2


def _is_numpy(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_NUMPY)) == _NUMPY


def read_raw_ids(path: Path) -> Rows | None:
    """Return the documents of a file of ids, or all ids as one row where nothing parts them.

    Raises:
        OSError, ValueError: The file beside it says something else than the file has.
    """
    raw = path.read_bytes()
    if raw[:2] in _NO_IDS:
        return None
    index = _index_of(path)
    if index is not None:
        return _parted(raw, index)
    values = _with_header(raw)
    if values is None:
        values = _guessed(raw)
    if values is None:
        return None
    return [values.astype(np.int64)] if values.size else []


def find_torn(paths: Iterable[Path]) -> list[str]:
    """Return the files of ids that are not as long as the file beside them says."""
    found = []
    for path in paths:
        try:
            index = _index_of(path)
        except (OSError, ValueError, struct.error, KeyError, EOFError) as error:
            found.append(f"{path.name}: the index beside it cannot be read: {error}")
            continue
        if index is not None and not _width(path.stat().st_size, index):
            found.append(
                f"{path.name}: {path.stat().st_size} bytes, and {index.path.name} says "
                f"{int(index.lengths.sum())} ids in {index.lengths.size} documents"
            )
    return found


def _parted(raw: bytes, index: _Index) -> Rows:
    width = _width(len(raw), index)
    if not width:
        raise ValueError(f"{index.path.name} says something else than the file has")
    flat = np.frombuffer(raw, index.kind or _WIDTHS[width]).astype(np.int64)
    return np.split(flat, np.cumsum(index.lengths)[:-1])


def _width(size: int, index: _Index) -> int:
    """Return the bytes of an id; 0 where so many bytes are not the ids that the index says."""
    count = int(index.lengths.sum())
    width, left = divmod(size, count) if count else (0, size)
    wanted = np.dtype(index.kind).itemsize if index.kind else width
    return width if not left and width == wanted and width in _WIDTHS else 0


def _with_header(raw: bytes) -> NDArray[Any] | None:
    if raw.startswith(_PACKED):
        *_, number, _ = _PACKED_HEADER.unpack_from(raw)
        return np.frombuffer(raw[_PACKED_HEADER.size :], _NUMBERS[number])
    kind = _FIXED_HEADERS.get(raw[:4])
    return np.frombuffer(raw[_FIXED:], kind) if kind and len(raw) > _FIXED else None


def _guessed(raw: bytes) -> NDArray[Any] | None:
    """Return ids of the width that they must have: in a wider one, other places are all zeros."""
    if len(raw) % 2:
        return None
    values: NDArray[Any] = np.frombuffer(raw, "<u2")
    for wider in ("<u4", "<u8"):
        if values.size <= 2 or values.size % 2 or values[1::2].any() or not values[::2].any():
            break
        values = np.frombuffer(raw, wider)
    return values


def _index_of(path: Path) -> _Index | None:
    """Return what the file beside a file of ids says; None where there is none."""
    for suffix, beside, read in _INDEXES:
        if path.suffix == suffix and (there := beside(path)).is_file():
            return read(there)
    return None


def _read_megatron(path: Path) -> _Index | None:
    raw = path.read_bytes()
    if not raw.startswith(_MEGATRON_MAGIC):
        return None
    _, _, number, count, _ = _MEGATRON.unpack_from(raw)
    lengths = np.frombuffer(raw, "<i4", count, _MEGATRON.size)
    return _Index(path, lengths.astype(np.int64), _NUMBERS[number])


def _read_ends(path: Path) -> _Index:
    ends = np.frombuffer(path.read_bytes(), "<u8").astype(np.int64)
    return _Index(path, np.diff(ends, prepend=0), "")


def _read_table(path: Path) -> _Index | None:
    """Read a table whose first two columns say where documents begin and end."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = [row[:2] for row in csv.reader(file)]
    if not rows or not all(len(row) == 2 and "".join(row).isdigit() for row in rows):
        return None
    bounds = np.asarray(rows, np.int64)
    return _Index(path, bounds[:, 1] - bounds[:, 0], "")


_INDEXES: tuple[tuple[str, Callable[[Path], Path], Callable[[Path], _Index | None]], ...] = (
    (".bin", lambda path: path.with_suffix(".idx"), _read_megatron),
    (".ds", lambda path: path.with_name(f"{path.name}.index"), _read_ends),
    (".npy", lambda path: path.with_name(f"{path.stem}.csv.gz"), _read_table),
)
"""Files of ids by their suffix, what is beside them, and how that is read."""
