"""The command of a peer: the launcher, then the peer's own interpreter and program.

Knows no peer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["PROGRAMS", "launched"]

PROGRAMS = Path(__file__).parent / "programs"
"""Programs that the peers' interpreters run."""


def launched(python: Path, words: Sequence[str | Path], *free: str, port_as: str = "") -> list[str]:
    """Return a command for ``server.json``, with ``{port}``.

    Args:
        python: The peer's own interpreter.
        words: What it runs, with ``{port}``.
        free: Variables that get a free port each.
        port_as: A variable that gets the port, for a server that takes no argument with it.
    """
    wanted = [word for name in free for word in ("--free", name)]
    wanted += ["--port-as", port_as] if port_as else []
    launcher = [python, PROGRAMS / "launch.py", "--port", "{port}", *wanted, "--"]
    return [str(word) for word in (*launcher, python, *words)]
