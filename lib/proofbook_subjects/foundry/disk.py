"""A disk that takes nothing more, told in one line."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proofbook.errors import SubjectError

__all__ = ["explain_disk"]

_FULL = {
    errno.ENOSPC: "make room, or give another folder",
    errno.EDQUOT: "make room, or give another folder",
    errno.EFBIG: "raise the limit on the size of files, or give another folder",
    errno.EROFS: "give another folder",
    errno.EACCES: "give another folder, or its rights",
    errno.EPERM: "give another folder, or its rights",
}
"""What to do, by the number of the error."""


@contextmanager
def explain_disk(folder: Path | None = None) -> Iterator[None]:
    """Turn what a disk refuses to take into one line; other errors stay as they are.

    Args:
        folder: Where files go; told where the error names none.

    Raises:
        SubjectError: The disk is full, or may not be written to.
    """
    try:
        yield
    except Exception as error:
        number = _number(error)
        if number is None:
            raise
        named = error.filename if isinstance(error, OSError) else None
        place = f" {named}" if named else f" in {folder}" if folder else ""
        raise SubjectError(
            f"a file{place} cannot be written: {os.strerror(number)}; {_FULL[number]}"
        ) from error


def _number(error: Exception) -> int | None:
    """Return what the system said; libraries written in Rust tell it in words alone."""
    if isinstance(error, SubjectError):
        return None
    if isinstance(error, OSError) and error.errno in _FULL:
        return error.errno
    return next((number for number in _FULL if f"(os error {number})" in str(error)), None)
