"""Read tensors that lie in several safetensors files, under an index that says which has what.

The index and the files must agree in every name: what only one of them knows is refused, since
nobody can tell which of the two is right. Knows no model.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.errors import SubjectError

if TYPE_CHECKING:
    import torch

__all__ = ["INDEX_ENDING", "is_index", "load_shards", "shards_of"]

INDEX_ENDING = ".safetensors.index.json"
_MAP = "weight_map"
_AGAIN = "download or export it again"


def is_index(path: Path) -> bool:
    """Say whether a path is called as an index of shards is."""
    return path.name.endswith(INDEX_ENDING)


def shards_of(index: Path) -> tuple[Path, ...]:
    """Return the files that an index names, in order.

    Raises:
        SubjectError: The index cannot be read, or names what does not lie next to it.
    """
    return tuple(index.parent / name for name in sorted(set(_read(index).values())))


def load_shards(index: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return all tensors by name, and the files' metadata together.

    Raises:
        SubjectError: Index and files do not agree; the first name that they differ in is told.
    """
    from safetensors import SafetensorError, safe_open

    placed = _read(index)
    tensors: dict[str, torch.Tensor] = {}
    told: dict[str, str] = {}
    holders: dict[str, str] = {}
    for shard in shards_of(index):
        try:
            with safe_open(shard, "pt") as file:
                names = list(file.keys())
                _check_names(index, shard.name, names, placed, holders)
                tensors |= {name: file.get_tensor(name) for name in names}
                told |= file.metadata() or {}
        except SafetensorError as error:
            raise SubjectError(f"{shard} is damaged ({str(error)[:120]}); {_AGAIN}") from error
    return tensors, told


def _read(index: Path) -> Mapping[str, str]:
    """Return tensor to file."""
    try:
        content: Any = json.loads(index.read_text(encoding="utf-8"), object_pairs_hook=_unique)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise SubjectError(f"index {index} is no JSON ({error}); {_AGAIN}") from error
    except _TwiceError as error:
        raise SubjectError(f"index {index} has {error.args[0]} twice; {_AGAIN}") from error
    placed = content.get(_MAP) if isinstance(content, dict) else None
    if not isinstance(placed, dict) or not placed:
        raise SubjectError(f"index {index} has no {_MAP} that names a tensor; {_AGAIN}")
    for name, file in placed.items():
        if not isinstance(file, str) or Path(file).name != file or "\\" in file:
            raise SubjectError(f"index {index} places {name} in {file!r}: not a file next to it")
    missing = sorted({file for file in placed.values() if not (index.parent / file).is_file()})
    if missing:
        count = Counter(placed.values())[missing[0]]
        raise SubjectError(
            f"shard {index.parent / missing[0]} is missing, which {index.name} places {count} "
            f"tensors in; {_AGAIN}"
        )
    return placed


class _TwiceError(ValueError):
    """A name comes twice in one object."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if twice:
        raise _TwiceError(twice[0])
    return dict(pairs)


def _check_names(
    index: Path, shard: str, names: list[str], placed: Mapping[str, str], holders: dict[str, str]
) -> None:
    """Note who holds what.

    Raises:
        SubjectError: A name is in two files, only in the file, or only in the index.
    """
    held = set(names)
    if not held:
        raise SubjectError(f"shard {shard} of {index} holds no tensor; {_AGAIN}")
    for name in names:
        if name in holders:
            raise SubjectError(
                f"{name} is in two shards of {index}, {holders[name]} and {shard}: which of them "
                "counts is not known; keep one"
            )
        holders[name] = shard
        if placed.get(name) != shard:
            told = f"places it in {placed[name]}" if name in placed else "does not know it"
            raise SubjectError(f"shard {shard} holds {name}, and {index} {told}; {_AGAIN}")
    absent = [name for name, file in placed.items() if file == shard and name not in held]
    if absent:
        raise SubjectError(
            f"{index} places {absent[0]} in {shard}, which does not hold it "
            f"({len(absent)} such); {_AGAIN}"
        )
