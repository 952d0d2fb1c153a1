"""Connect to a forkserver and ask it about itself, from any process of the same user."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from proofbook.errors import ForkserverError, ForkserverLateError
from proofbook.processes.ipc import Channel, peer_uid

__all__ = ["ForkserverStatus", "ask", "connect", "describe", "wait_ready"]

_STEP = 0.005
_ENDING_SECONDS = 0.2
"""A forkserver that closed its socket may be about to end."""


@dataclass(frozen=True, kw_only=True)
class ForkserverStatus:
    """What a forkserver says about itself."""

    pid: int
    python: str
    """The interpreter it runs."""
    preload: list[str]
    seconds: dict[str, float]
    """Seconds that each import took, by entry."""
    warnings: list[str]
    threads: list[str]
    """Names of its threads; it forks only while there is one."""
    pss: int
    """Bytes of memory, shared pages counted in proportion."""
    kernels: int
    """Kernels alive now."""
    served: int
    """Kernels started so far."""
    idle: float | None
    """Seconds without a kernel after which it ends."""
    differing: list[str]
    """Environment variables for which it cannot serve the one who asked."""
    usable: bool
    """Whether it forks at all; if not, the last warning says why."""

    @property
    def words(self) -> str:
        """The status as a person reads it, on a few lines."""
        state = "ready" if self.usable else "not usable"
        idle = "" if self.idle is None else f", ends after {self.idle:g} s without a kernel"
        lines = [
            f"{state}: process {self.pid}, {self.pss / 1e6:.0f} MB, {self.kernels} kernels now, "
            f"{self.served} so far{idle}",
            f"imported in {sum(self.seconds.values()):.1f} s: "
            + ", ".join(dict.fromkeys(self.preload)),
        ]
        return "\n".join(lines + self.warnings)


def connect(path: Path, timeout: float) -> Channel:
    """Return a channel to the forkserver that listens at ``path``.

    Raises:
        ForkserverError: There is none, or it belongs to someone else.
    """
    channel = Channel(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    try:
        channel.socket.settimeout(timeout)
        channel.socket.connect(str(path))
        # Whoever listens receives an environment, secrets included, and runs code as this user.
        if peer_uid(channel.socket) == os.getuid():
            return channel
        problem = f"the forkserver at {path} belongs to another user"
    except OSError as error:
        problem = f"no forkserver answers at {path}: {error}"
    channel.close()
    raise ForkserverError(problem)


def ask(path: Path, operation: str, timeout: float) -> dict[str, Any]:
    """Send one operation to the forkserver at ``path`` and return its answer.

    Raises:
        ForkserverError: There is none, or it belongs to someone else.
        ForkserverLateError: It listens, and does not answer in time.
    """
    channel = connect(path, timeout)
    try:
        channel.send({"op": operation, "env": dict(os.environ)})
        answer = channel.receive()
    except TimeoutError as error:
        raise ForkserverLateError(
            f"the forkserver at {path} has not answered in {timeout:g} s; it may be importing still"
        ) from error
    except (OSError, ValueError) as error:
        raise ForkserverError(f"no forkserver answers at {path}: {error}") from error
    finally:
        channel.close()
    if answer is None:
        raise ForkserverError(f"the forkserver at {path} ended")
    return answer


def describe(path: Path, timeout: float = 5.0) -> ForkserverStatus:
    """Return what the forkserver at ``path`` says about itself; waits while it is importing.

    Raises:
        ForkserverError: There is none, or it is of another version.
        ForkserverLateError: It does not answer in time.
    """
    answer = ask(path, "describe", timeout)
    try:
        return ForkserverStatus(**{f.name: answer[f.name] for f in fields(ForkserverStatus)})
    except KeyError as error:
        raise ForkserverError(f"the forkserver at {path} is of another version") from error


def wait_ready(
    path: Path, timeout: float, check_alive: Callable[[float], None]
) -> ForkserverStatus:
    """Wait until a forkserver that has been started is ready, and return its status.

    ``check_alive`` raises as soon as the forkserver has ended, and looks for so many seconds.

    Raises:
        ForkserverError: It ended, or is not ready in ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while not path.exists():
        check_alive(_STEP)
        if time.monotonic() > deadline:
            raise ForkserverError(f"the forkserver did not start in {timeout:g} s")
    try:
        return describe(path, max(0.001, deadline - time.monotonic()))
    except ForkserverError as error:
        check_alive(_ENDING_SECONDS)
        raise ForkserverError(f"the forkserver was not ready in {timeout:g} s") from error
