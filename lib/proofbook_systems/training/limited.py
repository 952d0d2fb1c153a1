"""``python limited.py memory|files BYTES PROGRAM …``: run it with less memory, or on a full disk.

Memory is what it makes for itself, not the files that it maps: an allocation beyond the limit
fails, as one does on a full GPU. A file that would become larger is told so by an error of the
system, as on a full disk. Imports nothing of ours: any Python can run it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["fill_disk", "limit_memory", "main"]

_USAGE = 2


def limit_memory(megabytes: int, command: Sequence[str]) -> tuple[str, ...]:
    """Return the words that run a command within so many MB of memory; 0 is no limit."""
    return _limited("memory", megabytes * 1_000_000, command) if megabytes else tuple(command)


def fill_disk(size: int, command: Sequence[str]) -> tuple[str, ...]:
    """Return the words that run a command where no file can have more than ``size`` bytes."""
    return _limited("files", size, command)


def _limited(what: str, size: int, command: Sequence[str]) -> tuple[str, ...]:
    return (sys.executable, str(Path(__file__).resolve()), what, str(size), *command)


def main(argv: Sequence[str]) -> int:
    """Become the program; return an exit code where that cannot be."""
    try:
        import resource
        import signal
    except ImportError:
        return _refuse("this system cannot limit memory or files")
    limits = {"memory": resource.RLIMIT_DATA, "files": resource.RLIMIT_FSIZE}
    if len(argv) < 3 or argv[0] not in limits or not argv[1].isdigit():
        return _refuse("give memory or files, BYTES and PROGRAM …")
    # Else the signal would end it; a full disk sends none.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(limits[argv[0]], (int(argv[1]), int(argv[1])))
    try:
        os.execvp(argv[2], list(argv[2:]))
    except OSError as error:
        return _refuse(f"{argv[2]}: {error.strerror}")


def _refuse(why: str) -> int:
    print(f"limited: {why}", file=sys.stderr)  # noqa: T201 - a program
    return _USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
