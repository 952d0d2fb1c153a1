"""How a server starts and ends: a second start on its port, the death of its parent, shutdown."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from proofbook.errors import SubjectError
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
_IN_USE = re.compile(
    r"address (is )?already in use|EADDRINUSE|Errno (98|48|10048)\b|only one usage of each socket",
    re.IGNORECASE,
)
"""What systems and runtimes say of a port that is taken."""
_CRASHES = {
    -getattr(signal, name)
    for name in ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV")
    if hasattr(signal, name)
}
"""Exit codes of a program that a fault of its own has ended."""
_WAITING = [sys.executable, "-c", "import sys; sys.stdin.read()"]


@dataclass(frozen=True, kw_only=True)
class SecondStart:
    """What became of a second server on a port that is taken."""

    ended: bool
    """Whether it gave up by itself."""
    code: int | None
    printed: str
    bound: float = 0.0
    """Seconds that it had."""

    @property
    def late(self) -> str:
        """How it went on; empty where it gave up by itself."""
        return "" if self.ended else f"it still ran after {self.bound:g} s, and was killed"

    @property
    def seeming_success(self) -> str:
        """How it ended, where whoever started it would take that for a success."""
        if not self.ended:
            return "it did not end"
        return "" if self.code else "it exited with code 0"

    def names_port(self, port: int) -> bool:
        """Say whether what it printed names the port, or says that an address is in use."""
        return re.search(rf"\b{port}\b", self.printed) is not None or bool(
            _IN_USE.search(self.printed)
        )

    def silence(self, port: int) -> str:
        """Return what it printed instead of naming the port; empty where it does."""
        if self.names_port(port):
            return ""
        lines = [line.strip() for line in self.printed.splitlines() if line.strip()]
        return f"nothing of port {port}; it printed: {' / '.join(lines[-3:]) or 'nothing'}"


@dataclass(frozen=True, kw_only=True)
class ParentDeath:
    """What became of a server whose parent was killed."""

    seconds: float | None = None
    """Until no process of it was left; None where that took longer than the bound."""
    left: tuple[str, ...] = ()
    """Processes that were left at the bound, or why it could not be tried."""
    port_fault: str = ""
    """What was still to be met on its port; empty where nothing was."""
    cold_start: float | None = None
    """Seconds from its launch to healthy."""


@dataclass(frozen=True, kw_only=True)
class Shutdown:
    """How a server ended when it was asked to."""

    faults: tuple[str, ...]
    """Why that was no proper end; none where it ended in time."""
    left: tuple[str, ...]
    """Processes that it left behind, and what could not be removed."""
    port_fault: str
    """What was still to be met on its port; empty where nothing was."""
    seconds: float | None
    """From asking to the end; None where it did not heed that."""


def start_twice(server: Server, log: Path, timeout: float) -> SecondStart:
    """Start a second server on the port of one that runs, with data of its own."""
    data = server.folder / "second"
    data.mkdir(exist_ok=True)
    log.unlink(missing_ok=True)
    with supervise(
        server.command(data), log=log, name="the second server",
        cwd=server.launch.folder or server.folder, env=server.environment(),
        folders=[server.folder],
    ) as second:  # fmt: skip
        ended = second.wait(timeout)
        code = second.exit_code
    return SecondStart(ended=ended, code=code, printed=second.tail(), bound=timeout)


def kill_parent(launch: Launch, log: Path, bound: float) -> ParentDeath:
    """Start a server with a parent of its own, kill that parent, and wait for the server to end."""
    parent = subprocess.Popen(_WAITING, stdin=subprocess.PIPE)
    try:
        orphaned = replace(launch, parent=parent.pid, log=log, port=0, keep_data=None)
        with Server(orphaned) as server:
            cold_start = server.start()
            processes = server.processes()
            parent.kill()
            parent.wait()
            started = time.monotonic()
            running = _wait_gone(processes, started + bound)
            seconds = None if running else time.monotonic() - started
            server.program.wait(_PORT_SECONDS if not running else 0)  # its end is told a bit later
            late = [f"{name} still runs {bound:g} s after its parent's end" for name in running]
            left = (*late, *_left_behind(server))
            return ParentDeath(
                seconds=seconds, left=left, port_fault=_find_listener(server.port),
                cold_start=cold_start,
            )  # fmt: skip
    except SubjectError as error:
        return ParentDeath(left=(f"a further server cannot be started: {error}",))
    finally:
        parent.kill()
        parent.communicate()


def shut_down(server: Server) -> Shutdown:
    """Ask a server to end, force it where it does not, and look at what is left of it.

    Its program alone is asked, as its owner would: what it has started is its own to end.
    """
    processes, program, grace = server.processes(), server.program, server.launch.grace
    before = server.exited()
    server.disconnect()  # a server may wait for its clients
    started = time.monotonic()
    program.send_signal(signal.SIGTERM)
    heeded = program.wait(grace)
    seconds = time.monotonic() - started
    faults = [f"before it was asked to end, {before}"] if before else []
    behind = _left_behind(server) if heeded else ()
    # Without a warden what it has started still runs: nothing has ended it yet.
    behind = behind or tuple(map(_behind, still_running(processes))) if heeded else ()
    if not heeded:
        faults.append(f"{grace:g} s after SIGTERM it still ran, and was killed")
    if not before and program.exit_code in _CRASHES:
        faults.append(f"asked to end, it {program.state.removeprefix('it ')}")
    ending = server.stop()
    return Shutdown(
        faults=tuple(faults), left=(*behind, *ending.left, *still_running(processes)),
        port_fault=_find_listener(server.port), seconds=seconds if heeded else None,
    )  # fmt: skip


def still_running(processes: Sequence[psutil.Process]) -> list[str]:
    """Return which of these processes have not ended, by number and name."""
    return [_name(process) for process in processes if _runs(process)]


def _find_listener(port: int) -> str:
    if wait_free(port, _PORT_SECONDS):
        return ""
    return f"something still listens on port {port} after {_PORT_SECONDS:g} s"


def _left_behind(server: Server) -> tuple[str, ...]:
    return tuple(map(_behind, server.program.left_behind))


def _behind(name: str) -> str:
    return f"process {name}, which the server had started and left running"


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
