"""Be refused what a file's mode refuses, as every user is but root."""

from __future__ import annotations

import contextlib
import ctypes
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

_VERSION_3 = 0x20080522  # of capget(2)
_RIGHTS = (1 << 1) | (1 << 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH of capabilities(7): to pass over modes."""


@contextlib.contextmanager
def without_rights(path: Path, mode: int = 0) -> Iterator[None]:
    """While the block runs, a file has this mode, and this thread obeys it."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        with _obeying():
            yield
    finally:
        path.chmod(before)


@contextlib.contextmanager
def _obeying() -> Iterator[None]:
    if sys.platform != "linux":  # elsewhere nobody runs tests as root
        yield
        return
    effective, *rest = _capabilities()
    _set_capabilities(effective & ~_RIGHTS, *rest)
    try:
        yield
    finally:
        _set_capabilities(effective, *rest)


def _capabilities() -> list[int]:
    buffer = ctypes.create_string_buffer(24)
    _call("capget", buffer)
    return list(struct.unpack("6I", buffer.raw))


def _set_capabilities(*sets: int) -> None:
    _call("capset", ctypes.create_string_buffer(struct.pack("6I", *sets), 24))


def _call(name: str, data: ctypes.Array[ctypes.c_char]) -> None:
    header = ctypes.create_string_buffer(struct.pack("Ii", _VERSION_3, 0))
    if getattr(ctypes.CDLL(None, use_errno=True), name)(header, data):
        raise OSError(ctypes.get_errno(), f"{name} failed")
