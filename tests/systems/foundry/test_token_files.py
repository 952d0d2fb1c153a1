"""Files of ids as public preparations write them, made by the bytes of their formats."""

from __future__ import annotations

import csv
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from proofbook_systems.foundry.stores import read_store
from proofbook_systems.foundry.token_files import find_torn

ROWS = [[7, 8, 9, 1], [300, 1], [5, 6, 7, 8, 9, 1]]
FLAT = [id_ for row in ROWS for id_ in row]
ENDS = np.cumsum([len(row) for row in ROWS])


def megatron(folder: Path, kind: str = "<u2", number: int = 8) -> Path:
    """Write Megatron's two files."""
    np.asarray(FLAT, kind).tofile(folder / "x.bin")
    sizes = np.asarray([len(row) for row in ROWS], "<i4")
    header = struct.pack("<9sQBQQ", b"MMIDIDX\0\0", 1, number, len(ROWS), len(ROWS) + 1)
    pointers = (ENDS - sizes) * np.dtype(kind).itemsize
    documents = np.arange(len(ROWS) + 1)
    parts = (sizes, pointers.astype("<i8"), documents.astype("<i8"))
    (folder / "x.idx").write_bytes(header + b"".join(part.tobytes() for part in parts))
    return folder / "x.bin"


def ends_beside(folder: Path, kind: str = "<u2") -> Path:
    """Write ids, and beside them where documents end."""
    np.asarray(FLAT, kind).tofile(folder / "x.ds")
    ENDS.astype("<u8").tofile(folder / "x.ds.index")
    return folder / "x.ds"


def memory_map(folder: Path, kind: str = "<u2") -> Path:
    """Write a memory map that is called a numpy file, and a table of its documents."""
    np.asarray(FLAT, kind).tofile(folder / "x.npy")
    with gzip.open(folder / "x.csv.gz", "wt", newline="") as file:
        for row, end in zip(ROWS, ENDS.tolist(), strict=True):
            csv.writer(file).writerow([end - len(row), end, "id", "texts.jsonl", 1])
    return folder / "x.npy"


WRITTEN = {
    "Megatron": megatron,
    "Megatron in four bytes": lambda folder: megatron(folder, "<i4", 4),
    "ends beside": ends_beside,
    "ends beside, in four bytes": lambda folder: ends_beside(folder, "<u4"),
    "a memory map": memory_map,
    "a memory map in four bytes": lambda folder: memory_map(folder, "<u4"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_documents_are_read_by_the_file_beside_the_ids(name: str, tmp_path: Path) -> None:
    path = WRITTEN[name](tmp_path)
    store = read_store(path)
    assert store is not None
    assert [row.tolist() for row in store.rows()] == ROWS
    assert not store.is_grid
    assert find_torn([path]) == []


@pytest.mark.parametrize("name", WRITTEN)
def test_ids_that_are_not_as_the_file_beside_them_says_are_told(name: str, tmp_path: Path) -> None:
    path = WRITTEN[name](tmp_path)
    path.write_bytes(path.read_bytes()[:-2])
    (told,) = find_torn([path])
    assert "bytes, and x." in told
    assert "12 ids in 3 documents" in told
    assert read_store(path) is None


def test_an_index_that_was_cut_off_is_told(tmp_path: Path) -> None:
    path = megatron(tmp_path)
    (tmp_path / "x.idx").write_bytes((tmp_path / "x.idx").read_bytes()[:20])
    assert "cannot be read" in find_torn([path])[0]


def test_a_file_beside_that_is_of_something_else_says_nothing(tmp_path: Path) -> None:
    path = megatron(tmp_path)
    (tmp_path / "x.idx").write_bytes(b"an index of another program")
    store = read_store(path)
    assert store is not None
    assert store.flat.tolist() == FLAT
    assert find_torn([path]) == []


HEADERS = {
    "packed": (b"LITPKDS" + struct.pack("<QBQ", 1, 8, 12), "<u2"),
    "packed in four bytes": (b"LITPKDS" + struct.pack("<QBQ", 1, 4, 12), "<i4"),
    "256 numbers": (struct.pack("<256i", 20240520, 1, 12, *[0] * 253), "<u2"),
    "256 numbers, four bytes": (struct.pack("<256i", 20240801, 7, 12, *[0] * 253), "<u4"),
    "none": (b"", "<u2"),
    "none, four bytes": (b"", "<u4"),
    "none, eight bytes": (b"", "<i8"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_ids_are_read_behind_a_known_header_and_in_any_width(name: str, tmp_path: Path) -> None:
    header, kind = HEADERS[name]
    path = tmp_path / "x.bin"
    path.write_bytes(header + np.asarray(FLAT, kind).tobytes())
    store = read_store(path)
    assert store is not None
    assert store.flat.tolist() == FLAT


def test_ids_in_a_line_are_tokens_and_a_table_of_one_row_is_cut(tmp_path: Path) -> None:
    for name, values in {"line.npy": FLAT, "table.npy": [FLAT]}.items():
        np.save(tmp_path / name, np.asarray(values))
    found = {name: read_store(tmp_path / name) for name in ("line.npy", "table.npy")}
    assert {name: store is not None and store.is_grid for name, store in found.items()} == {
        "line.npy": False, "table.npy": True,
    }  # fmt: skip
