"""Find who keeps a pipe open, and so whoever reads it waiting: pipe(7), proc(5).

Knows nothing about kernels or cells.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

from proofbook.processes import tree

__all__ = ["PipeHolder", "orphaned_writers"]

_LONGEST_COMMAND = 80


class PipeHolder(NamedTuple):
    """A process that can write to a pipe."""

    pid: int
    command: str
    """Its command line, shortened."""


def orphaned_writers(reader: int) -> list[PipeHolder]:
    """Return who can write to a pipe that ``reader`` alone reads, and was left by its parent.

    That is a background process of a program that has ended: it has inherited the pipe, so the
    reader never sees its end. What still descends from the reader is at work and not named.
    """
    if not tree.SUPPORTED or reader <= 0:
        return []
    ends = list(_pipe_ends(reader))
    writable = {pipe for pipe, writes in ends if writes}
    # A process that can write to a pipe itself does not wait for its end: so a kernel that reads
    # its own stdout.
    awaited = {pipe for pipe, writes in ends if not writes} - writable
    if not awaited:
        return []
    holders = [
        pid
        for pid in sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())  # noqa: PTH208 - names are enough
        if pid not in (reader, os.getpid())
        and any(writes and pipe in awaited for pipe, writes in _pipe_ends(pid))
    ]
    # Who descends from the reader is asked last: what it has started meanwhile is at work as well.
    related = tree.descendants(reader)
    orphans = [PipeHolder(pid, _command(pid)) for pid in holders if pid not in related]
    return [orphan for orphan in orphans if orphan.command]


def _pipe_ends(pid: int) -> Iterator[tuple[str, bool]]:
    """Yield each pipe that a process has open, and whether it can write to it."""
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):  # it has ended, or is another user's
        for entry in os.scandir(folder):
            with contextlib.suppress(OSError):
                target = os.readlink(entry.path)  # noqa: PTH115 - called for every descriptor
                if target.startswith("pipe:"):
                    # The link's own mode tells how the file was opened (proc(5)).
                    yield target, bool(entry.stat(follow_symlinks=False).st_mode & 0o200)


def _command(pid: int) -> str:
    words = tree.read_proc(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace")
    text = words.strip()
    return text if len(text) <= _LONGEST_COMMAND else f"{text[:_LONGEST_COMMAND]}…"
