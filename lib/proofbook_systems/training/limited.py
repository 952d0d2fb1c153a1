"""``python -m proofbook_systems.training.limited MEGABYTES PROGRAM …``: run it with less memory.

The limit is on the memory that it makes for itself, not on files that it maps: an allocation beyond
it fails, as one does on a full GPU.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["limit_command", "main"]

_USAGE = 2


def limit_command(megabytes: int, command: Sequence[str]) -> tuple[str, ...]:
    """Return the words that run a command within a limit; 0 is none."""
    if not megabytes:
        return tuple(command)
    return ("{python}", "-m", "proofbook_systems.training.limited", str(megabytes), *command)


def main(argv: Sequence[str]) -> int:
    """Become the program; return an exit code where that cannot be."""
    try:
        import resource
    except ImportError:
        print("limited: this system cannot limit memory", file=sys.stderr)  # noqa: T201 - a program
        return _USAGE
    if len(argv) < 2 or not argv[0].isdigit():
        print("limited: give MEGABYTES PROGRAM …", file=sys.stderr)  # noqa: T201 - a program
        return _USAGE
    size = int(argv[0]) * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    try:
        os.execvp(argv[1], list(argv[1:]))
    except OSError as error:
        print(f"limited: {argv[1]}: {error.strerror}", file=sys.stderr)  # noqa: T201 - a program
        return _USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
