"""Write a checkpoint's files, and hash them. Nothing of them runs code when loaded."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from proofbook.files import hash_file

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["FileInfo", "sync", "write_bytes", "write_tensors", "write_torch"]


class FileInfo(BaseModel):
    """What a manifest says of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    sha256: str


def write_tensors(path: Path, tensors: Mapping[str, Any]) -> FileInfo:
    """Write tensors in the format of safetensors."""
    from safetensors.torch import save_file

    save_file(dict(tensors), path, metadata={"format": "pt"})
    return FileInfo(size=path.stat().st_size, sha256=hash_file(path))


def write_torch(path: Path, value: Any) -> FileInfo:
    """Write a state in PyTorch's format.

    Raises:
        OSError: The disk is full or fails; PyTorch alone would not say so.
    """
    import torch

    with _Hashed(path) as file:
        torch.save(value, file)
    return FileInfo(size=path.stat().st_size, sha256=file.sha256.hexdigest())


def write_bytes(path: Path, content: bytes) -> FileInfo:
    """Write what is already in memory."""
    path.write_bytes(content)
    return FileInfo(size=len(content), sha256=hashlib.sha256(content).hexdigest())


def sync(path: Path) -> None:
    """Have a file or folder on the disk."""
    if path.is_dir() and os.name != "posix":
        return  # Windows opens no folder
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _Hashed(io.BufferedWriter):
    """A file that is hashed as it is written, and keeps the error that PyTorch hides."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "wb"))
        self.sha256 = hashlib.sha256()
        self._error: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        self.sha256.update(data)
        try:
            return super().write(data)
        except OSError as error:
            self._error = error
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        except OSError as closing:
            self._error = self._error or closing
        if self._error is not None:
            raise self._error from error
