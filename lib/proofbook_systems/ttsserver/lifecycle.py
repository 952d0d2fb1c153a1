"""Starts and ends beside the matrix: a second start on a taken port, and a parent that dies."""

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
from proofbook_systems.ttsserver.ports import wait_free
from proofbook_systems.ttsserver.server import Launch, Server

__all__ = ["ParentDeath", "SecondStart", "kill_parent", "start_twice", "still_running"]

_PAUSE = 0.02
_WAITS = "import sys; sys.stdin.read()"


@dataclass(frozen=True, kw_only=True)
class SecondStart:
    """What became of a second server on a port that is taken."""

    ended: bool
    """Whether it gave up by itself."""
    code: int | None
    said: str
    """What it printed."""

    def names_port(self, port: int) -> bool:
        """Say whether what it printed names the port."""
        return re.search(rf"\b{port}\b", self.said) is not None


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


def start_twice(server: Server, log: Path, timeout: float) -> SecondStart:
    """Start a second server on the port of one that runs, with data of its own."""
    data = server.folder / "second"
    data.mkdir(exist_ok=True)
    log.unlink(missing_ok=True)
    with supervise(
        server.command(server.port, data), log=log, name="the second server",
        cwd=server.folder, env=server.environment(), folders=[server.folder],
    ) as second:  # fmt: skip
        ended = second.wait(timeout)
        code = second.exit_code
    return SecondStart(ended=ended, code=code, said=second.tail())


def kill_parent(launch: Launch, log: Path, bound: float) -> ParentDeath:
    """Start a server with a parent that can be spared, kill that, and see the server go.

    Raises:
        SubjectError: The server cannot be started.
    """
    parent = subprocess.Popen([sys.executable, "-c", _WAITS], stdin=subprocess.PIPE)
    try:
        spared = replace(launch, parent=parent.pid, log=log, port=0, keep_data=None)
        with Server(spared) as server:
            cold_start = server.start()
            mourners = server.processes()
            parent.kill()
            parent.wait()
            started = time.monotonic()
            left = _wait_gone(mourners, started + bound)
            seconds = None if left else time.monotonic() - started
            free = wait_free(server.port, 1.0)
            return ParentDeath(seconds=seconds, left=left, port_free=free, cold_start=cold_start)
    finally:
        parent.kill()
        parent.communicate()


def _wait_gone(processes: list[psutil.Process], deadline: float) -> tuple[str, ...]:
    while (left := still_running(processes)) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    return tuple(left)


def still_running(processes: Sequence[psutil.Process]) -> list[str]:
    """Return which of these processes have not ended, by number and name."""
    return [_name(process) for process in processes if _runs(process)]


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return f"{process.pid} {process.name()}"
    return str(process.pid)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
