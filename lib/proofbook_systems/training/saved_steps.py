"""The steps of a trainer that tells none: those of the checkpoints that it writes.

They say nothing of losses, and nothing between two checkpoints.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from proofbook_systems.training.layouts import Checkpoint, find_checkpoints

__all__ = ["SavedSteps"]


class _File(NamedTuple):
    """Tells a file from what it is when it is written again."""

    path: Path
    inode: int
    written: int


@dataclass(kw_only=True)
class SavedSteps:
    """Sees the checkpoints of one start: those that were there before it are left out."""

    output: Path
    pattern: str = ""
    """Of their places in the output folder; empty recognises them."""
    _before: frozenset[_File] = frozenset()
    _seen: set[int] = field(default_factory=set)

    def begin(self) -> None:
        """Note which are there already."""
        self._before = frozenset(file for files in self._listed().values() for file in files)

    def look(self) -> list[int]:
        """Return the steps of those that were seen since, in order, removed ones included.

        One that was cut off by a kill, and is written again, is seen.
        """
        listed = self._listed().items()
        self._seen |= {step for step, files in listed if files - self._before}
        return sorted(self._seen)

    def _listed(self) -> dict[int, set[_File]]:
        found: dict[int, set[_File]] = {}
        for each in find_checkpoints(self.output, self.pattern):
            if each.step > 0:
                found.setdefault(each.step, set()).update(_files_of(each))
        return found


def _files_of(checkpoint: Checkpoint) -> Iterator[_File]:
    for path in checkpoint.files:
        with contextlib.suppress(FileNotFoundError):  # it was a temporary one, and is gone
            status = path.stat()
            yield _File(path, status.st_ino, status.st_mtime_ns)
