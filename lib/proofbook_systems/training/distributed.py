"""Read a folder that torch.distributed.checkpoint wrote, without running code of its own.

Its ``.metadata`` is a pickle: only the classes of that format are made from it. Source: the
``FileSystemReader`` and ``metadata`` of torch.distributed.checkpoint.
"""

from __future__ import annotations

import enum
import io
import pickle
from pathlib import Path
from typing import Any

__all__ = ["read_distributed"]

_MODULES = ("torch.distributed.checkpoint.metadata", "torch.distributed.checkpoint.filesystem")
_OTHERS = {
    ("torch", "Size"), ("torch.serialization", "_get_layout"), ("collections", "OrderedDict"),
    ("pathlib", "PosixPath"), ("pathlib", "PurePosixPath"), ("torch._utils", "_get_layout"),
}  # fmt: skip

_RENAMED = {"pathlib._local": "pathlib"}
"""Where Python 3.13 alone says that a class is."""


def _member(kind: Any, name: str) -> Any:
    """Return the member of an enumeration; Python before 3.11.4 writes one as ``getattr`` of it."""
    if isinstance(kind, enum.EnumMeta) and name in kind.__members__:
        return kind[name]
    raise pickle.UnpicklingError(f"an attribute {name} is not of this format")


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return a class of the format, or a number format of torch."""
        import torch

        module = _RENAMED.get(module, module)
        if (module, name) == ("builtins", "getattr"):
            return _member
        if module in _MODULES or (module, name) in _OTHERS:
            return super().find_class(module, name)
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not of this format")


def read_distributed(folder: Path) -> dict[str, Any]:
    """Return everything in such a folder, by its name: tensors, whole or by shard, and values.

    Raises:
        Exception: Whatever torch raises for a damaged file.
    """
    import torch

    metadata = _Reader(io.BytesIO((folder / ".metadata").read_bytes())).load()
    states: dict[str, Any] = {}
    for index, info in metadata.storage_data.items():
        with (folder / info.relative_path).open("rb") as file:
            file.seek(info.offset)
            data = file.read(info.length)
        value = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
        shard = (
            ""
            if not index.offset or not any(index.offset)
            else f"[{','.join(map(str, index.offset))}]"
        )
        states[f"{index.fqn}{shard}"] = value
    return states
