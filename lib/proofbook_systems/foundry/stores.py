"""Token ids on disk, in the forms that preparations write: each a list of rows.

Reads numpy's files and files of ids alone, JSON lines, Arrow and Parquet, folders of ``datasets``
and of ``litdata``. Runs none of their code. Knows nothing about what ids stand for.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proofbook_systems.foundry.litdata_files import read_litdata
from proofbook_systems.foundry.token_files import is_table, read_npy, read_raw_ids

__all__ = ["Ids", "Store", "find_stores", "read_store"]

Ids = NDArray[np.int64]

_COLUMNS = ("input_ids", "tokens", "token_ids", "ids", "input_tokens", "text")
_NO_IDS = ("attention_mask", "labels", "token_type_ids", "special_tokens_mask", "position_ids")
_TABLE = "a table of numpy"


@dataclass(frozen=True, kw_only=True)
class Store:
    """The rows of one file or folder."""

    path: Path
    form: str
    """What it was read as."""
    flat: Ids
    """All ids, row after row."""
    lengths: Ids
    """Ids of each row."""

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def starts(self) -> Ids:
        """Where each row begins in :attr:`flat`, and last where it ends."""
        return np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)

    def rows(self) -> Iterator[Ids]:
        """Yield the rows."""
        for first, last in itertools.pairwise(self.starts):
            yield self.flat[first:last]

    @property
    def is_grid(self) -> bool:
        """Whether it was cut into rows of one length."""
        return self.length > 0 or (self.form == _TABLE and len(self) == 1)

    @property
    def length(self) -> int:
        """The length that all rows have, the last one perhaps less; 0 where they differ."""
        if len(self.lengths) < 2:
            return 0
        first = int(self.lengths[0])
        return (
            first if bool((self.lengths[:-1] == first).all()) and self.lengths[-1] <= first else 0
        )

    @property
    def words(self) -> str:
        """What it is, for a person."""
        return f"{self.path.name}: {len(self)} rows, {self.flat.size} ids, {self.form}"


def find_stores(paths: Sequence[Path]) -> list[Store]:
    """Return what can be read as ids among files and folders, in the order of their names."""
    stores = [read_store(path) for path in sorted(set(_units(paths)))]
    return [store for store in stores if store is not None and store.flat.size]


def read_store(path: Path) -> Store | None:
    """Return what a file or folder has in it; None where it is nothing of the kind."""
    reader = _reader(path)
    if reader is None:
        return None
    form, read = reader
    try:
        rows = read(path)
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    if rows is None:
        return None
    flat = np.concatenate(rows).astype(np.int64) if rows else np.empty(0, np.int64)
    lengths = np.asarray([row.size for row in rows], np.int64)
    return Store(path=path, form=form, flat=flat, lengths=lengths)


def _units(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield files, and instead of a dataset's files its folder."""
    for path in paths:
        if path.is_dir():
            yield from _units(sorted(each for each in path.iterdir()) if not _is_unit(path) else [])
            if _is_unit(path):
                yield path
        elif _is_unit(path.parent):
            yield path.parent
        else:
            yield path


def _is_unit(folder: Path) -> bool:
    return (folder / "state.json").is_file() or (folder / "index.json").is_file()


def _reader(path: Path) -> tuple[str, Callable[[Path], list[Ids] | None]] | None:
    if (path / "state.json").is_file():
        return "a folder of datasets", _read_dataset
    if (path / "index.json").is_file():
        return "litdata's chunks", read_litdata
    if path.suffix == ".npy" and is_table(path):
        return _TABLE, read_npy
    known: dict[str, tuple[str, Callable[[Path], list[Ids] | None]]] = {
        ".npy": ("ids of numpy", read_npy),
        ".bin": ("raw ids", read_raw_ids),
        ".ds": ("raw ids", read_raw_ids),
        ".jsonl": ("JSON lines", _read_json_lines),
        ".arrow": ("Arrow", _read_arrow),
        ".parquet": ("Parquet", _read_parquet),
    }
    return known.get(path.suffix) if path.is_file() else None


def _read_json_lines(path: Path) -> list[Ids] | None:
    rows = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            if not line.strip():
                continue
            value = json.loads(line)
            ids = value if isinstance(value, list) else _column_of(value)
            if not isinstance(ids, list) or not all(type(each) is int for each in ids):
                return None
            rows.append(np.asarray(ids, np.int64))
    return rows


def _column_of(value: Any) -> Any:
    name = next((name for name in _COLUMNS if isinstance(value.get(name), list)), None)
    return value[name] if name else None


def _read_dataset(path: Path) -> list[Ids] | None:
    import pyarrow as pa

    state = json.loads((path / "state.json").read_text(encoding="utf-8"))
    tables = [_arrow_table(path / each["filename"]) for each in state["_data_files"]]
    return _rows_of(pa.concat_tables(tables)) if tables else []


def _read_arrow(path: Path) -> list[Ids] | None:
    return _rows_of(_arrow_table(path))


def _arrow_table(path: Path) -> Any:
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        try:
            return pa.ipc.open_stream(source).read_all()
        except pa.ArrowInvalid:
            return pa.ipc.open_file(source).read_all()


def _read_parquet(path: Path) -> list[Ids] | None:
    import pyarrow.parquet as pq

    return _rows_of(pq.read_table(path))


def _rows_of(table: Any) -> list[Ids] | None:
    import pyarrow as pa

    lists = [
        field.name for field in table.schema
        if hasattr(field.type, "value_type") and pa.types.is_integer(field.type.value_type)
        and field.name not in _NO_IDS
    ]  # fmt: skip
    named = [name for name in _COLUMNS if name in lists] or lists
    if not named:
        return None
    rows: list[Ids] = []
    for chunk in table.column(named[0]).chunks:
        lengths = chunk.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
        flat = chunk.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
        rows += np.split(flat, np.cumsum(lengths)[:-1]) if lengths.size else []
    return rows
