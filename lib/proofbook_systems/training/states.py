"""Read a file of weights or states, whatever its format, without running code of its own.

Knows nothing about what should be in it.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError

__all__ = [
    "NeedsCodeError",
    "OpaqueError",
    "can_read",
    "flatten",
    "holds_tensors",
    "is_unknown",
    "read_states",
    "recorded_step",
]

_TENSORS = (".safetensors",)
_PICKLES = (".bin", ".pkl", ".pt", ".pth", ".ckpt", ".tar")
_ARRAYS = (".npz", ".npy")
_TEXTS = (".json", ".yaml", ".yml")
_COUNTERS = ("global_step", "step", "iter_num", "iteration", "iter", "steps", "last_epoch")


class OpaqueError(SubjectError):
    """What is in a file cannot be seen: it is compared by its bytes."""


class NeedsCodeError(OpaqueError):
    """A file can only be loaded by running code that it names."""


def can_read(path: Path) -> bool:
    """Say whether a file's name is that of a format that can be read."""
    return path.suffix.lower() in (*_TENSORS, *_PICKLES, *_ARRAYS, *_TEXTS) or _is_distributed(path)


def holds_tensors(path: Path) -> bool:
    """Say whether a file's name is that of a format for tensors that can be read."""
    return can_read(path) and path.suffix.lower() not in _TEXTS


def read_states(path: Path) -> dict[str, Any]:
    """Return everything in a file, by its place in it: tensors, numbers, strings.

    Raises:
        OpaqueError: Its format is not known, or it names code that would have to be run.
        SubjectError: It cannot be read.
    """
    if path.stat().st_size == 0:
        raise SubjectError(f"{path} is empty")
    if is_unknown(path):
        raise OpaqueError(f"{path} is of a format that is not known")
    try:
        return _read(path)
    except pickle.UnpicklingError as error:
        if _damaged(path):
            raise SubjectError(f"{path} cannot be read: it is cut, or no file of torch") from error
        what = " ".join(str(error).split())
        name = what.split("GLOBAL ")[-1].split(" ")[0] if "GLOBAL " in what else "code of its own"
        raise NeedsCodeError(f"{path} needs {name} to be loaded; it is not safe") from error
    except Exception as error:
        what = " ".join(str(error).split())[:200]
        raise SubjectError(f"{path} cannot be read: {what or type(error).__name__}") from error


def recorded_step(path: Path) -> int | None:
    """Return the step that a file's content tells; None where it tells none or cannot be read."""
    try:
        states = read_states(path)
    except SubjectError:
        return None
    for counter in _COUNTERS:
        value: Any = states.get(counter)
        if hasattr(value, "item") and value.ndim == 0:
            value = value.item()
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def flatten(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value in nested mappings and lists with its place, ``state.0.exp_avg``."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from flatten(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from flatten(item, f"{place}.{index}" if place else str(index))
    else:
        yield place or "value", value


def _read(path: Path) -> dict[str, Any]:
    suffix = path.suffix.lower()
    if suffix in _TENSORS:
        from safetensors.torch import load_file

        return dict(load_file(path))
    if _is_distributed(path):
        from proofbook_systems.training.distributed import read_distributed

        return dict(flatten(read_distributed(path.parent)))
    if suffix in _ARRAYS:
        return _arrays(path)
    if suffix == ".json":
        return dict(flatten(json.loads(path.read_text(encoding="utf-8"))))
    if suffix in _TEXTS:
        import yaml

        return dict(flatten(yaml.safe_load(path.read_text(encoding="utf-8"))))
    return dict(flatten(_load(path)))


def _is_distributed(path: Path) -> bool:
    return path.name == ".metadata" and any(path.parent.glob("*.distcp"))


def _arrays(path: Path) -> dict[str, Any]:
    import numpy as np

    content = np.load(path, allow_pickle=False)
    if isinstance(content, np.ndarray):
        return {"value": content}
    return dict(flatten({name: _unpacked(content[name]) for name in content.files}))


def _unpacked(value: Any) -> Any:
    """Return what is in a text of JSON, as which numpy's files hold what is no array."""
    if value.ndim == 0 and value.dtype.kind == "U":
        try:
            return json.loads(str(value))
        except ValueError:
            return str(value)
    return value


def is_unknown(path: Path) -> bool:
    """Say whether a .bin file begins neither as an archive nor as a pickle: many things do."""
    if path.suffix.lower() != ".bin":
        return False
    with path.open("rb") as file:
        head = file.read(2)
    return head != b"PK" and head[:1] != b"\x80"


def _damaged(path: Path) -> bool:
    """Say whether a file is neither a whole archive nor a pickle."""
    import zipfile

    with path.open("rb") as file:
        head = file.read(2)
    if head == b"PK":
        return not zipfile.is_zipfile(path)
    return head[:1] != b"\x80" or path.stat().st_size < 8


def _load(path: Path) -> Any:
    import torch

    if path.suffix == ".pkl" and (value := _plain(path)) is not None:
        return value
    with torch.serialization.safe_globals(_allowed()):
        return torch.load(path, weights_only=True, map_location="cpu")


class _Plain(pickle.Unpickler):
    """Reads a pickle of numbers, strings and arrays, such as states of random generators."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class that such states are made of."""
        for allowed in _allowed():
            if (allowed.__module__.replace("numpy._core", "numpy.core"), allowed.__name__) == (
                module.replace("numpy._core", "numpy.core"), name,
            ):  # fmt: skip
                return allowed
        raise pickle.UnpicklingError(f"GLOBAL {module}.{name} is not allowed")


def _plain(path: Path) -> Any:
    """Return what is in a pickle that torch did not write; None where torch did."""
    with path.open("rb") as file:
        if file.read(1) != b"\x80":
            return None
        file.seek(0)
        value = _Plain(file).load()
    return None if isinstance(value, int) else value  # torch's older form begins with a number


def _allowed() -> list[Any]:
    import collections

    import numpy as np

    allowed: list[Any] = [np.dtype, np.ndarray, *_array_types(), collections.deque]
    allowed += [np._core.multiarray._reconstruct, np._core.multiarray.scalar]  # type: ignore[attr-defined]  # what arrays and their scalars are pickled as
    return [*allowed, collections.defaultdict, collections.Counter, dict, set]


def _array_types() -> list[Any]:
    import numpy as np

    return [
        type(np.dtype(kind)) for kind in ("uint32", "float64", "float32", "int64", "uint8", "bool")
    ]
