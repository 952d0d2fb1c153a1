"""How a server starts and ends: a second start on its port, the death of its parent, shutdown."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from proofbook.processes import supervise
from proofbook_systems.serving.launch import Launch
from proofbook_systems.serving.ports import wait_free
from proofbook_systems.serving.server import Server

__all__ = [
    "ParentDeath",
    "SecondStart",
    "Shutdown",
    "kill_parent",
    "shut_down",
    "start_twice",
    "still_running",
]

_PAUSE = 0.02
_PORT_SECONDS = 2.0
_WAITING = [sys.executable, "-c", "import sys; sys.stdin.read()"]


@dataclass(frozen=True, kw_only=True)
class SecondStart:
    """What became of a second server on a port that is taken."""

    ended: bool
    """Whether it gave up by itself."""
    code: int | None
    printed: str

    def names_port(self, port: int) -> bool:
        """Say whether what it printed names the port."""
        return re.search(rf"\b{port}\b", self.printed) is not None


@dataclass(frozen=True, kw_only=True)
class ParentDeath:
    """What became of a server whose parent was killed."""

    seconds: float | None
    """Until no process of it was left; None where that took longer than the bound."""
    left: tuple[str, ...]
    """Processes that were left at the bound."""
    port_free: bool
    cold_start: float
    """Seconds from its launch to healthy."""


@dataclass(frozen=True, kw_only=True)
class Shutdown:
    """How a server ended when it was asked to."""

    how: str
    """``terminated`` when asked, ``killed`` where it did not heed that, ``exited`` before."""
    left: tuple[str, ...]
    """Processes and folders that are still there."""
    port_free: bool


def start_twice(server: Server, log: Path, timeout: float) -> SecondStart:
    """Start a second server on the port of one that runs, with data of its own."""
    data = server.folder / "second"
    data.mkdir(exist_ok=True)
    log.unlink(missing_ok=True)
    with supervise(
        server.command(data), log=log, name="the second server",
        cwd=server.folder, env=server.environment(), folders=[server.folder],
    ) as second:  # fmt: skip
        ended = second.wait(timeout)
        code = second.exit_code
    return SecondStart(ended=ended, code=code, printed=second.tail())


def kill_parent(launch: Launch, log: Path, bound: float) -> ParentDeath:
    """Start a server with a parent of its own, kill that parent, and wait for the server to end.

    Raises:
        SubjectError: The server cannot be started.
    """
    parent = subprocess.Popen(_WAITING, stdin=subprocess.PIPE)
    try:
        orphaned = replace(launch, parent=parent.pid, log=log, port=0, keep_data=None)
        with Server(orphaned) as server:
            cold_start = server.start()
            processes = server.processes()
            parent.kill()
            parent.wait()
            started = time.monotonic()
            left = _wait_gone(processes, started + bound)
            seconds = None if left else time.monotonic() - started
            free = wait_free(server.port, 1.0)
            return ParentDeath(seconds=seconds, left=left, port_free=free, cold_start=cold_start)
    finally:
        parent.kill()
        parent.communicate()


def shut_down(server: Server) -> Shutdown:
    """Ask a server to end, force it where it does not, and look at what is left of it."""
    processes = server.processes()
    ending = server.stop()
    return Shutdown(
        how=ending.how, left=(*ending.left, *still_running(processes)),
        port_free=wait_free(server.port, _PORT_SECONDS),
    )  # fmt: skip


def still_running(processes: Sequence[psutil.Process]) -> list[str]:
    """Return which of these processes have not ended, by number and name."""
    return [_name(process) for process in processes if _runs(process)]


def _wait_gone(processes: list[psutil.Process], deadline: float) -> tuple[str, ...]:
    while (left := still_running(processes)) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    return tuple(left)


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return f"{process.pid} {process.name()}"
    return str(process.pid)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
