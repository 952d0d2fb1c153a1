"""Whether a forkserver can serve a request exactly as a process of its own would.

Every function returns why it cannot, as the end of a sentence, or None. When in doubt the answer
is no: an ordinary kernel is merely slower.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

from proofbook.kernels.environment import differing
from proofbook.kernels.forked_kernel import KERNEL_MODULES
from proofbook.kernels.imports import Imported, stale_file
from proofbook.kernels.thread_pools import thread_names
from proofbook.processes.ipc import LaunchRequest

__all__ = ["unfit_process", "unfit_request"]


def unfit_process() -> str | None:
    """Return why this process must not be forked."""
    threads = thread_names()
    if len(threads) != 1:
        return f"a preloaded module left threads running: {', '.join(sorted(threads))}"
    # CUDA does not survive a fork: torch refuses to use it ("Cannot re-initialize CUDA in forked
    # subprocess"). A ZeroMQ context must not be used by the child either (zmq_ctx_new(3)).
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return "a preloaded module has initialised CUDA"
    zmq = sys.modules.get("zmq")
    if zmq is not None and getattr(zmq.Context, "_instance", None) is not None:
        return "a preloaded module has created a ZeroMQ context"
    return None


def _same_interpreter(command: str) -> bool:
    # A virtual environment's python is a link to its base's, so the folder counts as well.
    theirs, ours = Path(command), Path(sys.executable)
    if theirs.parent.resolve() != ours.parent.resolve():
        return False
    return theirs.resolve() == ours.resolve()


def _unfit_limits(request: LaunchRequest) -> str | None:
    for number, (_, hard) in request.limits.items():
        ours = resource.getrlimit(int(number))[1]
        if ours not in (resource.RLIM_INFINITY, hard) and not -1 < hard <= ours:
            return "it has lower resource limits than this process"
    return None


def unfit_request(request: LaunchRequest, imported: Imported) -> str | None:
    """Return why these imports cannot serve the request."""
    argv = request.argv
    if len(argv) < 3 or argv[1] != "-m" or argv[2] not in KERNEL_MODULES:
        return "it does not know the kernel's command line"
    if not _same_interpreter(argv[0]):
        return f"it runs {sys.executable}, not {argv[0]}"
    names = differing(imported.environment, request.env)
    if names:
        return f"it was started with other values of {', '.join(names)}"
    if any(not Path(p).is_absolute() for p in request.env.get("PYTHONPATH", "").split(":") if p):
        return "PYTHONPATH holds a relative folder"
    stale = stale_file(imported)
    if stale is not None:
        return f"{stale} changed since it was started"
    if not set(request.affinity) <= os.sched_getaffinity(0):
        return "it may not use the same CPUs"
    return _unfit_limits(request)
