"""A user's forkserver that outlives commands: what plain papermill and JupyterLab attach to.

There is at most one for each user and machine. It listens in the user's runtime folder and ends
by itself when no kernel has been running for a while.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from proofbook.errors import ForkserverError, ForkserverLateError, KernelError
from proofbook.kernels.ownership import forkserver_command
from proofbook.kernels.runtime_dir import runtime_folder
from proofbook.kernels.status import ForkserverStatus, ask, describe, wait_ready
from proofbook.processes import exit_words, tree

__all__ = [
    "IDLE_SECONDS",
    "misfit",
    "shared_socket",
    "shared_status",
    "start_shared",
    "stop_shared",
]

IDLE_SECONDS = 900.0
_STEP = 0.01


def shared_socket() -> Path | None:
    """Return where the user's forkserver listens if one does, or None."""
    try:
        return runtime_folder() / "forkserver"
    except KernelError:
        return None


def shared_status(timeout: float = 5.0) -> ForkserverStatus | None:
    """Return what the user's forkserver says about itself, or None where there is none.

    Raises:
        ForkserverLateError: There is one, and it has not answered after ``timeout`` seconds.
    """
    path = shared_socket()
    if path is None or not path.exists():
        return None
    try:
        return describe(path, timeout)
    except ForkserverLateError:
        raise
    except ForkserverError:
        return None


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    import fcntl  # not on Windows, where this module is imported all the same

    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def start_shared(
    preload: Sequence[str],
    idle: float = IDLE_SECONDS,
    *,
    timeout: float = 120.0,
    bare: bool = False,
) -> ForkserverStatus:
    """Start the user's forkserver, or keep the one that runs if it fits; wait until it is ready.

    It fits if it runs this interpreter in this environment, is not older than the code it
    imported, and has imported all of ``preload``. Otherwise it is ended, with its kernels; one that
    does not answer for so long is left alone, and another one takes its place.

    Raises:
        ForkserverError: It cannot be started, or is not ready in ``timeout`` seconds.
        KernelError: The runtime folder is not this user's alone.
    """
    if not tree.SUPPORTED:
        raise ForkserverError("warm kernels need Linux")
    folder = runtime_folder()
    with _one_at_a_time(folder):
        try:
            status = shared_status(timeout)
            if status is not None and not misfit(status, preload):
                return status
            stop_shared(timeout)
        except ForkserverLateError:
            (folder / "forkserver").unlink(missing_ok=True)
        check_alive = _spawn_detached(folder, preload, idle, bare)
        return wait_ready(folder / "forkserver", timeout, check_alive)


def misfit(status: ForkserverStatus, preload: Sequence[str]) -> str:
    """Return why a forkserver cannot serve this process with ``preload``; empty if it can."""
    missing = sorted(set(preload) - set(status.preload))
    if not status.usable:
        return status.warnings[-1]
    if status.python != sys.executable:
        return f"it runs {status.python}, not {sys.executable}"
    if missing:
        return f"it has not imported {', '.join(missing)}"
    if status.differing:
        return f"it was started with other values of {', '.join(status.differing)}"
    return ""


def _spawn_detached(
    folder: Path, preload: Sequence[str], idle: float, bare: bool
) -> Callable[[float], None]:
    """Start a forkserver, and return what raises if it has ended."""
    with (folder / "forkserver.log").open("wb") as log:
        process = subprocess.Popen(
            [*forkserver_command(folder / "forkserver", preload, bare=bare), "--idle", str(idle)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    # Whatever ends it later, this process may still be there and has to reap it.
    reaper = threading.Thread(target=process.wait, name="pb-reaper", daemon=True)
    reaper.start()

    def check_alive(within: float) -> None:
        reaper.join(within)
        if not reaper.is_alive():
            words = exit_words(process.returncode)
            raise ForkserverError(f"the forkserver {words}; see {folder / 'forkserver.log'}")

    return check_alive


def stop_shared(timeout: float = 120.0) -> bool:
    """End the user's forkserver and every kernel forked from it; return whether there was one.

    Raises:
        ForkserverLateError: There is one, and it has not answered after ``timeout`` seconds.
    """
    path = shared_socket()
    if path is None or not path.exists():
        return False
    try:
        ask(path, "stop", timeout)
    except ForkserverLateError:
        raise
    except ForkserverError:
        path.unlink(missing_ok=True)  # left behind by one that was killed
        return False
    deadline = time.monotonic() + timeout
    while path.exists() and time.monotonic() < deadline:
        time.sleep(_STEP)
    return True
