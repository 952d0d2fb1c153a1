"""The process between a client and its kernel: whatever happens, nothing outlives the job.

The warden forks the kernel and adopts its orphans. It reports how the kernel ended, passes
signals on, enforces a memory limit, and ends every descendant when the kernel, the client or the
template is gone. Run as ``python -m proofbook.kernels.warden FD`` it starts an ordinary kernel
from a request that comes over the socket FD. Knows nothing about Jupyter.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from proofbook.kernels import processes
from proofbook.kernels.birth import exec_command, fail, settle, silence
from proofbook.kernels.wire import Channel, LaunchRequest

__all__ = ["Keeper", "Warden", "main"]

_GIGA = 1e9
_MEMORY_INTERVAL = 0.1
_TREE_INTERVAL = 0.5
_PROMPT = 1.0
"""Seconds within which the end is reported, even if something refuses to die."""


def _describe(status: int, oom: bool) -> tuple[int, str]:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code, f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unnamed"
    reason = f"killed by signal {-code} ({name})"
    return code, reason + (", as the system was out of memory" if oom else "")


def _system_oom_kills() -> int:
    with contextlib.suppress(OSError), open("/proc/vmstat") as file:  # noqa: PTH123 - no pathlib here
        for line in file:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


class Warden:
    """Watches one kernel from its start to the end of its last descendant."""

    def __init__(self, channel: Channel, request: LaunchRequest) -> None:
        self.channel, self.request = channel, request
        self.kernel = 0
        self._status: int | None = None
        self._announced = False
        self._cause: str | None = None
        self._terminated = False
        self._deserted = False
        self._oom_kills = _system_oom_kills()
        self._tree: set[int] = set()
        self._tree_read = 0.0
        self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._started = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def run(self, streams: list[int], start: Callable[[LaunchRequest], None]) -> None:
        """Start the kernel with ``start``, watch it, and return when nothing of it is left."""
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self._fork(streams, start)
        for fd in streams:
            os.close(fd)
        self._watch()
        self._finish()

    def _on_terminate(self, *_: object) -> None:
        self._terminated = True

    def _fork(self, streams: list[int], start: Callable[[LaunchRequest], None]) -> None:
        warden = os.getpid()
        self.kernel = os.fork()
        if self.kernel:
            os.close(self._started[1])
            return
        try:
            settle(self.request, streams, warden)
            self.channel.close()
            for fd in (*self._wake, self._started[0]):
                os.close(fd)
            os.set_blocking(self._started[1], True)
            start(self.request)
        except Exception as error:  # noqa: BLE001 - the warden reports it; this process ends
            fail(self._started[1], error)

    @property
    def status_fd(self) -> int:
        """The pipe that the kernel closes once it is under way."""
        return self._started[1]

    def _watch(self) -> None:
        poller = select.poll()
        for fd in (self.channel.fileno(), self._wake[0], self._started[0]):
            poller.register(fd, select.POLLIN)
        while self._cause is None and self._status is None:
            ready = dict(poller.poll(_MEMORY_INTERVAL * 1000 if self._limit else None))
            if self._terminated:
                self._cause = "killed, as its template ended"
            if self._wake[0] in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake[0], 4096)
            self._status = processes.reap().get(self.kernel)
            if self._started[0] in ready:
                poller.unregister(self._started[0])
                self._announce()
            if self.channel.fileno() in ready and self._status is None:
                self._obey()
            if self._limit and self._status is None:
                self._check_memory()

    def _announce(self) -> None:
        if self._announced:
            return
        self._announced = True
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._started[0], 1 << 16)
        if data:
            self._tell({"event": "failed", **json.loads(data)})
        else:
            self._tell({"event": "started", "pid": self.kernel})

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # a client that is gone is noticed elsewhere
            self.channel.send(message)

    def _obey(self) -> None:
        try:
            messages, closed = self.channel.pending()
        except ValueError:
            messages, closed = [], True
        for message in messages:
            if message.get("op") == "signal":
                self._signal(int(message["signal"]))
            elif message.get("op") == "kill":
                self._cause = ""
        if closed:
            self._deserted = True
            self._cause = "killed, as its client was gone"

    def _signal(self, signum: int) -> None:
        # The kernel is not reaped yet, so its pid and group cannot belong to anyone else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.kernel, signum)

    @property
    def _limit(self) -> float | None:
        return self.request.memory_limit_gb

    def _check_memory(self) -> None:
        now = time.monotonic()
        if now - self._tree_read > _TREE_INTERVAL:
            self._tree, self._tree_read = set(processes.descendants(os.getpid())), now
        limit = (self._limit or 0) * _GIGA
        # The sum of resident pages counts shared ones many times and is cheap; only above the
        # limit is it worth asking for the proportional sum, which walks all page tables.
        if processes.resident_memory(self._tree) < limit:
            return
        used = processes.own_memory(self._tree)
        if used > limit:
            self._cause = f"out of memory: {used / _GIGA:.2f} GB of {limit / _GIGA:.2f} GB"

    def _finish(self) -> None:
        statuses = processes.end_descendants(_PROMPT)
        if self._status is None:
            self._status = statuses.get(self.kernel)
        if self._status is not None:
            self._announce()
            oom = self._cause is None and _system_oom_kills() > self._oom_kills
            code, reason = _describe(self._status, oom)
        else:
            code, reason = -signal.SIGKILL, "killed, but it does not end"
        self._tell({"event": "exit", "code": code, "reason": self._cause or reason})
        processes.end_descendants(float("inf"))
        if self._deserted:
            self._remove_folder()

    def _remove_folder(self) -> None:
        folder = self.request.folder
        if folder is None:
            return
        with contextlib.suppress(OSError):
            for entry in os.scandir(folder):
                os.unlink(entry.path)  # noqa: PTH108 - no pathlib here
            os.rmdir(folder)  # noqa: PTH106 - no pathlib here


class Keeper:
    """Forks wardens, and ends what one of them leaves behind if it is killed itself."""

    def __init__(self, close_in_warden: Callable[[], None] = lambda: None) -> None:
        self._close_in_warden = close_in_warden
        self.wardens: set[int] = set()
        processes.become_subreaper()
        self._spared = frozenset(processes.descendants(os.getpid()))

    def fork_warden(
        self,
        channel: Channel,
        request: LaunchRequest,
        streams: list[int],
        start: Callable[[LaunchRequest, int], None],
    ) -> None:
        """Fork a warden that takes over the channel and the streams; closes them here.

        ``start`` runs in the kernel, with the request and a pipe to close once it is under way.

        Raises:
            OSError: The system has no process left.
        """
        keeper = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._be_warden(keeper, channel, request, streams, start)
        self.wardens.add(pid)
        channel.close()
        for fd in streams:
            os.close(fd)

    def _be_warden(
        self,
        keeper: int,
        channel: Channel,
        request: LaunchRequest,
        streams: list[int],
        start: Callable[[LaunchRequest, int], None],
    ) -> NoReturn:
        code = 1
        try:
            os.setsid()
            processes.name_process("pb-warden")
            warden = Warden(channel, request)
            self._close_in_warden()
            silence()
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            processes.die_with_parent(signal.SIGTERM, keeper)
            processes.become_subreaper()
            channel.socket.settimeout(5)
            warden.run(streams, lambda asked: start(asked, warden.status_fd))
            code = 0
        finally:
            os._exit(code)

    def tend(self) -> None:
        """Reap wardens that have ended; end whatever a killed one has left."""
        ended = processes.reap()
        orphaned = any(status or pid not in self.wardens for pid, status in ended.items())
        self.wardens -= ended.keys()
        if orphaned:
            ended = processes.end_descendants(5, self._spared | self.wardens)
            self.wardens -= ended.keys()

    def end(self, within: float = 5.0) -> None:
        """End all wardens with all that is theirs."""
        deadline = time.monotonic() + within
        for pid in self.wardens:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        while self.wardens and time.monotonic() < deadline:
            self.tend()
            time.sleep(0.002)
        processes.end_descendants(within, self._spared)


def main(argv: list[str] | None = None) -> int:
    """Start the ordinary kernel that is asked for over the inherited socket, and keep it."""
    fd = int((sys.argv[1:] if argv is None else argv)[0])
    channel = Channel(socket.socket(fileno=fd))
    channel.socket.set_inheritable(False)
    message = channel.receive()
    if message is None:
        return 0
    keeper = Keeper()
    request = LaunchRequest.from_message(message)
    keeper.fork_warden(channel, request, channel.take_fds(), lambda asked, _: exec_command(asked))
    while keeper.wardens:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        keeper.tend()
    return 0


if __name__ == "__main__":
    sys.exit(main())
