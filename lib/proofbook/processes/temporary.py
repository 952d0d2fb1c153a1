"""Temporary folders that are gone when nobody uses them, whoever is killed.

The owner removes its folder; a guard does where the owner is killed; and where both are, the next
one to look for abandoned folders. Programs that may still use a folder hold a lease on it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from proofbook.processes.guarding import keep_folder, remove_at_the_end
from proofbook.processes.leases import remove_folder, remove_unused, take_lease

__all__ = ["TEMPORARY", "TemporaryFolder", "remove_abandoned"]

TEMPORARY = "PROOFBOOK_TEMPORARY"
"""The environment variable that names a job's temporary folder: its kernels hold a lease on it."""


class TemporaryFolder:
    """A new folder of this process; leaving its context removes it."""

    def __init__(self, prefix: str, parent: Path | None = None) -> None:
        while True:
            path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent)).resolve()
            remove_at_the_end(path)
            self._lease = take_lease(path)
            if path.exists():
                break
            # Until the lease was taken, the folder looked abandoned to others.
            self._release(path)
        self.path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    def remove(self) -> tuple[str, ...]:
        """Remove it; return its path if that is not possible, and nothing otherwise."""
        if remove_folder(self.path):
            return (str(self.path),)
        self._release(self.path)
        return ()

    def _release(self, path: Path) -> None:
        keep_folder(path)
        if self._lease is not None:
            os.close(self._lease)
            self._lease = None


def remove_abandoned(prefix: str, parent: Path | None = None) -> None:
    """Remove the folders of that prefix whose owner and users have all ended."""
    for path in (parent or Path(tempfile.gettempdir())).glob(f"{prefix}*"):
        if path.is_dir() and not path.is_symlink():
            remove_unused(path)
