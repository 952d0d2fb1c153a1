"""Temporary folders that are gone when nobody uses them, whoever is killed.

The owner removes its folder; a guard does where the owner is killed; and where both are, the next
one to look for abandoned folders. Programs that may still use a folder hold a lease on it.
"""

from __future__ import annotations

import os
import secrets
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
        folder = Path(parent or tempfile.gettempdir()).resolve()
        self._lease: int | None = None
        while True:
            self.path = folder / f"{prefix}{secrets.token_hex(4)}"
            if self._create():
                return

    def _create(self) -> bool:
        """Create the folder and take the lease; return whether it is there and ours."""
        # The guard is told first: this process may be killed at any moment from here on.
        remove_at_the_end(self.path)
        try:
            self.path.mkdir(mode=0o700)
        except OSError as error:
            keep_folder(self.path)
            if isinstance(error, FileExistsError):
                return False
            raise
        self._lease = take_lease(self.path)
        if self.path.exists():
            return True
        self._release()  # until the lease was taken, it looked abandoned to others
        return False

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
        self._release()
        return ()

    def _release(self) -> None:
        keep_folder(self.path)
        if self._lease is not None:
            os.close(self._lease)
            self._lease = None


def remove_abandoned(prefix: str, parent: Path | None = None) -> None:
    """Remove the folders of that prefix whose owner and users have all ended."""
    for path in (parent or Path(tempfile.gettempdir())).glob(f"{prefix}*"):
        if path.is_dir() and not path.is_symlink():
            remove_unused(path)
