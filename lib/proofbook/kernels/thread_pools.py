"""Thread pools that libraries start on import: kept out of a forkserver, put back in a kernel.

A process may only be forked while it has one thread: the others do not exist in the child, and
the locks that they held there stay locked (fork(2), pthread_atfork(3)). Numeric libraries start
theirs as soon as they are loaded; each has a switch against it, set here before the imports. A
kernel then gets the number of threads that it would have had as a process of its own.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["APPLIED", "QUIET", "find_openblas", "restore_pools", "thread_names"]

QUIET = {
    "OPENBLAS_NUM_THREADS": "1",  # numpy and scipy carry one copy each
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # the allocator inside pyarrow
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # asks the driver without initialising CUDA
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a remark about frozen modules
}
"""Set in the environment of a forkserver."""

APPLIED = frozenset(
    {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", *QUIET}
    | {"TMPDIR", "TEMP", "TMP"}
)
"""Variables that a kernel may set otherwise: :func:`restore_pools` gives them their effect, and
a kernel looks for its temporary folder again."""

_openblas: list[Any] = []
"""threadpoolctl's controllers of each OpenBLAS that was loaded when it was looked for."""


def thread_names() -> list[str]:
    """Return the names of this process's threads; one name means that it may be forked."""
    names = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that ended meanwhile
            names.append((task / "comm").read_text().strip())
    return names


def _first_number(env: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    for name in names:
        with contextlib.suppress(ValueError):
            number = int(env.get(name, "").split(",")[0])
            if number > 0:
                return number
    return None


def find_openblas() -> None:
    """Remember how to set the threads of each OpenBLAS that is loaded now."""
    from threadpoolctl import ThreadpoolController

    controller = ThreadpoolController().select(internal_api="openblas")
    _openblas.extend(controller.lib_controllers)


def restore_pools(env: Mapping[str, str]) -> None:
    """Give numpy and torch the threads that ``env`` and the CPUs allow this process."""
    cores = len(os.sched_getaffinity(0))
    blas = _first_number(env, ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"))
    for library in _openblas:
        library.set_num_threads(min(blas or cores, cores))
    torch = sys.modules.get("torch")
    threads = _first_number(env, ("OMP_NUM_THREADS", "MKL_NUM_THREADS"))
    if torch is not None and threads is not None:
        torch.set_num_threads(threads)
