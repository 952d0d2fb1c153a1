"""Programs of others, owned: start, follow, signal, end the whole tree, say how it ended.

    with supervise(["server", "--port", "8000"], log=log, name="the server") as server: ...
    ended = run(["make", "all"], timeout=600)

Whatever a program has started ends with it, and it ends with this process, however that ends. On
Linux a *warden* sees to that, a small process between the two, and a *subreaper* sees to the
warden; elsewhere a guard does what can be done. A program gets default signal dispositions, an
empty signal mask and a session of its own. Knows nothing about what programs do.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proofbook.processes.guarding import guarded
    from proofbook.processes.running import Ended, run
    from proofbook.processes.supervised import Supervised, supervise
    from proofbook.processes.temporary import TemporaryFolder, remove_abandoned
    from proofbook.processes.termination import Ending, exit_words
    from proofbook.processes.usage import (
        anonymous_memory,
        cpu_seconds,
        process_tree,
        proportional_memory,
        queued_seconds,
        resident_memory,
    )

__all__ = [
    "Ended",
    "Ending",
    "Supervised",
    "TemporaryFolder",
    "anonymous_memory",
    "cpu_seconds",
    "exit_words",
    "guarded",
    "process_tree",
    "proportional_memory",
    "queued_seconds",
    "remove_abandoned",
    "resident_memory",
    "run",
    "supervise",
]

_MODULES = {
    "guarding": {"guarded"},
    "running": {"Ended", "run"},
    "supervised": {"Supervised", "supervise"},
    "temporary": {"TemporaryFolder", "remove_abandoned"},
    "termination": {"Ending", "exit_words"},
}


def __getattr__(name: str) -> Any:
    # Loaded when asked for: each subreaper imports this package on its way to the program.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = next((m for m, names in _MODULES.items() if name in names), "usage")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)
