"""``python full_disk.py BYTES PROGRAM …``: run it where no file can become larger than so much.

What writes more is told so by an error of the system, as on a full disk. Imports nothing of ours:
any Python can run it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["fill_disk", "main"]

_USAGE = 2


def fill_disk(size: int, command: Sequence[str]) -> tuple[str, ...]:
    """Return the words that run a command where no file can have more than ``size`` bytes."""
    return (sys.executable, str(Path(__file__).resolve()), str(size), *command)


def main(argv: Sequence[str]) -> int:
    """Become the program; return an exit code where that cannot be."""
    try:
        import resource
        import signal
    except ImportError:
        print("full_disk: this system cannot limit files", file=sys.stderr)  # noqa: T201 - a program
        return _USAGE
    if len(argv) < 2 or not argv[0].isdigit():
        print("full_disk: give BYTES PROGRAM …", file=sys.stderr)  # noqa: T201 - a program
        return _USAGE
    # Else the signal would end it; a full disk sends none.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(argv[0]), int(argv[0])))
    try:
        os.execvp(argv[1], list(argv[1:]))
    except OSError as error:
        print(f"full_disk: {argv[1]}: {error.strerror}", file=sys.stderr)  # noqa: T201 - a program
        return _USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
