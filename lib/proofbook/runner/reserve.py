"""A little disk space kept back, so that a full disk can still be reported."""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

__all__ = ["Reserve", "is_disk_full"]

_BYTES = 2 * 1024 * 1024
_T = TypeVar("_T")


def is_disk_full(error: OSError) -> bool:
    """Say whether a write failed because there is no space, or no quota, left."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


class Reserve:
    """A file of 2 MiB in the run folder; it is removed when the disk is full, or the block ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".reserve"
        self._lock = threading.Lock()
        with contextlib.suppress(OSError):
            self._path.write_bytes(b"\0" * _BYTES)

    def __enter__(self) -> Reserve:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give the space back."""
        with self._lock:
            self._path.unlink(missing_ok=True)

    def writing(self, write: Callable[[], _T]) -> _T:
        """Return ``write()``; where the disk is full, give up the reserve and try once more.

        Raises:
            OSError: There is no space even so.
        """
        try:
            return write()
        except OSError as error:
            if not is_disk_full(error):
                raise
            self.release()
            return write()
