"""Import a preload list once, and remember what the imports depended on.

Remembered are the environment variables that were read meanwhile, and the files that the
imported code came from: a kernel for which one of them differs cannot use these imports. Knows
nothing about processes.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["BASICS", "Imported", "differing", "import_all", "stale_file"]

_KERNEL = (
    "ipykernel.kernelapp",
    "ipykernel_launcher",
    # What the kernel itself would import on its way to the first cell.
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "IPython.utils.wildcard",
    "faulthandler",
    "psutil",
    "sqlite3",
    "tornado.platform.asyncio",
    "tornado.queues",
)

BASICS = ("matplotlib", "proofbook.checks")
"""What nearly every runbook needs; each is left out where it cannot be imported."""

_PREFIXES = (
    *("PYTHON", "LC_", "LD_", "GLIBC_", "MALLOC_", "OMP_", "GOMP_", "KMP_", "MKL_"),
    "TQDM_",  # looked for among all variables when tqdm is imported
)
"""Prefixes of variables that are read unseen, by the interpreter and C libraries."""

_DEBUGGER = ("PYDEVD_", "DEBUGPY_")
"""Prefixes of settings of the debugger, some of which it sets itself when it is imported."""

_UNSEEN = {"LANG", "LANGUAGE"}

_HARMLESS = {
    "JPY_PARENT_PID": "set anew in each kernel",
    "MPLBACKEND": "applied to matplotlib in each kernel",
    "JPY_SESSION_NAME": "names a session; no import depends on it",
    "COLUMNS": "width of a terminal that a kernel does not have",
    "LINES": "height of a terminal that a kernel does not have",
    "TERM": "kind of a terminal that a kernel does not have",
    "DISPLAY": "a screen that inline plots do not need",
    "TMPDIR": "looked up anew in each kernel",
    "PATH": "searched anew whenever a program is started",
}


@dataclass(kw_only=True)
class Imported:
    """What was imported, and what it depended on."""

    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    """The environment before anything was imported."""
    read: set[str] = field(default_factory=set)
    """The variables that the imports read."""
    kernel_modules: tuple[str, ...] = ()
    """All modules that were loaded before the preload list was begun."""
    files: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Modification time in nanoseconds, size and inode of the source files."""


@contextlib.contextmanager
def _recording(read: set[str]) -> Iterator[None]:
    kind: Any = type(os.environ)
    get = kind.__getitem__

    def recorded(self: Any, key: str | bytes) -> Any:
        read.add(os.fsdecode(key))  # os.environb has bytes
        return get(self, key)

    def unrecorded(self: Any) -> dict[Any, Any]:
        return {key: get(self, key) for key in self}

    # Who takes all of them passes them on to a command, or looks for a prefix.
    whole = {"copy": unrecorded, "items": lambda self: unrecorded(self).items()}
    kept = {name: getattr(kind, name) for name in whole}
    kind.__getitem__ = recorded
    for name, method in whole.items():
        setattr(kind, name, method)
    try:
        yield
    finally:
        kind.__getitem__ = get
        for name, method in kept.items():
            setattr(kind, name, method)


def _import_one(entry: str) -> None:
    module, _, attribute = entry.partition(":")
    imported = importlib.import_module(module)
    if attribute:
        getattr(imported, attribute)


def import_all(preload: Sequence[str], environment: Mapping[str, str]) -> Imported:
    """Import ``module`` and ``module:attribute`` entries; what fails becomes a warning.

    ``environment`` is what the process was given before it was prepared for the imports.
    """
    imported = Imported(environment=dict(environment))
    with _recording(imported.read):
        for entry in dict.fromkeys((*_KERNEL, *preload)):
            if entry not in _KERNEL and not imported.kernel_modules:
                imported.kernel_modules = tuple(sys.modules)
            started = time.perf_counter()
            try:
                _import_one(entry)
            except Exception as error:  # noqa: BLE001 - whatever a module raises, it is left out
                imported.warnings.append(f"{entry} is left out: {type(error).__name__}: {error}")
            else:
                imported.seconds[entry] = time.perf_counter() - started
    imported.kernel_modules = imported.kernel_modules or tuple(sys.modules)
    imported.files = _source_files(preload)
    return imported


def _source_files(preload: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    # Of an installed package the top module stands for all: an upgrade replaces it. Of our own
    # code, which is edited in place, every loaded file counts.
    roots = {entry.partition(":")[0].partition(".")[0] for entry in (*_KERNEL, *preload)}
    files = {}
    for name, module in list(sys.modules.items()):
        ours = name.partition(".")[0] == "proofbook" or name in roots
        path = getattr(module, "__file__", None)
        signature = _signature(path) if ours and path else None
        if path and signature:
            files[path] = signature
    return files


def _signature(path: str) -> tuple[int, int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def stale_file(imported: Imported) -> str | None:
    """Return a source file that changed since it was imported, if there is one."""
    return next((p for p, known in imported.files.items() if _signature(p) != known), None)


def differing(imported: Imported, env: Mapping[str, str], applied: frozenset[str]) -> list[str]:
    """Return the variables in which ``env`` would have led to other imports, sorted.

    ``applied`` are variables whose effect each kernel sets for itself.
    """
    known = imported.environment
    names = {
        name
        for name in known.keys() | env.keys()
        if name in imported.read or name in _UNSEEN or name.startswith(_PREFIXES)
    }
    names -= applied | _HARMLESS.keys() | {"PYTHONEXECUTABLE"}
    names = {name for name in names if not name.startswith(_DEBUGGER)}
    return sorted(name for name in names if known.get(name) != env.get(name))
