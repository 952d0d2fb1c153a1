"""Import a preload list once, and remember what the imports were made with.

Remembered are the environment of that moment, and the files that the imported code came from: a
kernel for which one of them differs cannot use these imports. Knows nothing about processes.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from proofbook.kernels.thread_pools import thread_names

__all__ = ["BASICS", "Imported", "import_all", "stale_file"]

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

_CHECKS = "proofbook.checks"
BASICS = ("matplotlib", _CHECKS)
"""What nearly every runbook needs; each is left out where it cannot be imported."""

_REHEARSAL = "proofbook.checks.rehearsal"
"""Does once, after the import, what would be done again in every kernel that makes checks."""


@dataclass(kw_only=True)
class Imported:
    """What was imported, and with what."""

    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    """The environment before anything was imported."""
    kernel_modules: tuple[str, ...] = ()
    """All modules that were loaded before the preload list was begun."""
    files: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Modification time in nanoseconds, size and inode of the source files."""


def import_all(preload: Sequence[str], environment: Mapping[str, str]) -> Imported:
    """Import ``module`` and ``module:attribute`` entries; what fails becomes a warning.

    ``environment`` is what the process was given before it was prepared for the imports.
    """
    imported = Imported(environment=dict(environment))
    for entry in dict.fromkeys((*_KERNEL, *preload)):
        if entry not in _KERNEL and not imported.kernel_modules:
            imported.kernel_modules = tuple(sys.modules)
        started, threads = time.perf_counter(), len(thread_names())
        try:
            _import_one(entry)
        except Exception as error:  # noqa: BLE001 - whatever a module raises, it is left out
            imported.warnings.append(f"{entry} is left out: {type(error).__name__}: {error}")
        else:
            imported.seconds[entry] = time.perf_counter() - started
        if len(thread_names()) > threads:
            imported.warnings.append(
                f"{entry} leaves threads running, so that no kernel can be forked; take it out of "
                "warm, or leave out what it brings"
            )
    imported.kernel_modules = imported.kernel_modules or tuple(sys.modules)
    if _CHECKS in imported.seconds:
        importlib.import_module(_REHEARSAL).rehearse()
    imported.files = _source_files(preload)
    return imported


def _import_one(entry: str) -> None:
    module, _, attribute = entry.partition(":")
    imported = importlib.import_module(module)
    if attribute:
        getattr(imported, attribute)


def _source_files(preload: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    # Of an installed package the top module stands for all: an upgrade replaces it. Of our own
    # code, which is edited in place, every loaded file counts.
    roots = {entry.partition(":")[0].partition(".")[0] for entry in (*_KERNEL, *preload)}
    files = {}
    for name, module in list(sys.modules.items()):
        counts = name.partition(".")[0] == "proofbook" or name in roots
        path = getattr(module, "__file__", None)
        signature = _signature(path) if counts and path else None
        if path and signature:
            files[path] = signature
    return files


def _signature(path: str) -> tuple[int, int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def stale_file(imported: Imported) -> str | None:
    """Return a source file that changed since it was imported, if there is one."""
    return next((p for p, known in imported.files.items() if _signature(p) != known), None)
