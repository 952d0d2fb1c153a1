"""Weights on the disk, each mapped from its safetensors file when it is asked for.

Accelerate opens the file, and reads the names of all its tensors, again for each tensor of each
step; here that is done once a file. As there, no more of a file is mapped than is in use: what
stays mapped would count as this process's memory. Knows nothing about models.
"""

from __future__ import annotations

import json
import mmap
import os
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch
    from accelerate.utils import OffloadedWeightsLoader

__all__ = ["MappedFile", "MappedWeights", "map_weights"]

_LENGTH_BYTES = 8
_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
"""What a file calls a number format, and what torch does."""


class _Place(NamedTuple):
    """Where a tensor is in its file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    """Byte of the file."""
    end: int


class MappedFile:
    """One safetensors file that stays open.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no safetensors file.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)
        size = int.from_bytes(self._read(_LENGTH_BYTES, 0), "little")
        head: dict[str, Any] = json.loads(self._read(size, _LENGTH_BYTES))
        start = _LENGTH_BYTES + size
        self._places = {
            name: _Place(told["dtype"], tuple(told["shape"]), *(start + n for n in offsets))
            for name, told in head.items()
            if (offsets := told.get("data_offsets")) is not None
        }

    def get(self, name: str) -> torch.Tensor | None:
        """Return a tensor, mapped; None where it has no bytes, or a number format of its own kind.

        Raises:
            KeyError: The file has none of this name.
        """
        import torch

        place = self._places[name]
        if place.dtype not in _DTYPES or place.begin == place.end:
            return None
        before = place.begin % mmap.ALLOCATIONGRANULARITY
        mapped = mmap.mmap(
            self._descriptor,
            place.end - place.begin + before,
            offset=place.begin - before,
            access=mmap.ACCESS_COPY,  # torch warns of what is read-only
        )
        dtype = getattr(torch, _DTYPES[place.dtype])
        return torch.frombuffer(mapped, dtype=dtype, offset=before).reshape(place.shape)

    def _read(self, size: int, offset: int) -> bytes:
        data = os.pread(self._descriptor, size, offset)
        if len(data) != size:
            raise ValueError("it ends before its first tensor")
        return data


class MappedWeights(Mapping[str, Any]):
    """What Accelerate's loader of offloaded weights gives, each file being opened once.

    Args:
        loader: Knows where each weight is, and gives those that are in no safetensors file.
    """

    def __init__(self, loader: OffloadedWeightsLoader) -> None:
        self._loader = loader
        self._files: dict[str, MappedFile] = {}

    def __getitem__(self, key: str) -> Any:
        tensor = None if key in self._loader.state_dict else self._mapped(key)
        return self._loader[key] if tensor is None else tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._loader)

    def __len__(self) -> int:
        return len(self._loader)

    def _mapped(self, key: str) -> torch.Tensor | None:
        import torch

        where = self._loader.index[key]
        path = where.get("safetensors_file")
        if path is None:
            return None
        if path not in self._files:
            self._files[path] = MappedFile(Path(path))
        tensor = self._files[path].get(where.get("weight_name", key))
        if tensor is None:
            return None
        dtype = getattr(torch, where["dtype"]) if "dtype" in where else tensor.dtype
        return tensor.to(self._loader.device or "cpu", dtype)


def map_weights(network: Any) -> None:
    """Let a network that Accelerate has spread over devices take its offloaded weights so."""
    from accelerate.utils import OffloadedWeightsLoader

    ours: dict[int, MappedWeights] = {}
    for module in network.modules():
        hook = getattr(module, "_hf_hook", None)
        for each in (hook, *getattr(hook, "hooks", ())):
            weights = getattr(each, "weights_map", None)  # with the module's name before each key
            loader = getattr(weights, "dataset", None)
            if weights is not None and isinstance(loader, OffloadedWeightsLoader):
                weights.dataset = ours.setdefault(id(loader), MappedWeights(loader))
