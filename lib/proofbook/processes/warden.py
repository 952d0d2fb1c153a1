"""The process between a client and its kernel: whatever happens, nothing outlives the job.

The warden forks the kernel and adopts its orphans. It reports how the kernel ended, passes
signals on, enforces a memory limit, and ends every descendant when the kernel, the client or the
forkserver is gone. It may be forked, and fork its kernel, before anyone asks for one. Knows nothing
about Jupyter.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from proofbook.processes import tree
from proofbook.processes.child_setup import fail, separate, settle
from proofbook.processes.ipc import Channel, LaunchRequest

__all__ = ["TEMPORARY", "Recipe", "Warden"]

TEMPORARY = "PROOFBOOK_TEMPORARY"
"""Process id and folder: the folder goes with the kernel if that process has gone already."""

_GIGA = 1e9
_MEMORY_INTERVAL = 0.1
_TREE_INTERVAL = 0.5
_CLIENT_SECONDS = 5.0
"""A client that takes no message for so long is treated as gone."""

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


class Recipe(NamedTuple):
    """How a forked process becomes the kernel."""

    run: Callable[[LaunchRequest, int], None]
    """Does not return; closes the pipe that it is given once the kernel is under way."""
    early: Callable[[], None]
    """What can be done before it is known which kernel is wanted."""


class Warden:
    """Watches one kernel from before its start to the end of its last descendant."""

    def __init__(self, handover: Channel, recipe: Recipe) -> None:
        self._handover, self._recipe = handover, recipe
        self.channel: Channel
        self.request: LaunchRequest
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
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._cord, self._kernels_cord = Channel(ours), Channel(theirs)

    def run(self) -> None:
        """Fork the kernel, give it the request that comes, watch it until nothing is left."""
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self._fork()
        if self._await_request():
            self._watch()
            self._finish()
        else:
            tree.end_descendants(float("inf"))

    def _on_terminate(self, *_: object) -> None:
        self._terminated = True

    def _fork(self) -> None:
        warden = os.getpid()
        self.kernel = os.fork()
        if self.kernel:
            os.close(self._started[1])
            self._kernels_cord.close()
            return
        status = self._started[1]
        try:
            separate(warden)
            for channel in (self._handover, self._cord):
                channel.close()
            for fd in (*self._wake, self._started[0]):
                os.close(fd)
            os.set_blocking(status, True)
            self._recipe.early()
            message = self._kernels_cord.receive()
            if message is None:
                os._exit(0)
            streams = self._kernels_cord.take_fds()
            self._kernels_cord.close()
            request = LaunchRequest.from_message(message)
            settle(request, streams)
            self._recipe.run(request, status)
        except Exception as error:  # noqa: BLE001 - the warden reports it; this process ends
            fail(status, error)

    def _await_request(self) -> bool:
        poller = select.poll()
        for fd in (self._handover.fileno(), self._wake[0]):
            poller.register(fd, select.POLLIN)
        while True:
            ready = dict(poller.poll())
            self._drain(ready)
            if self._terminated:
                return False
            if self._handover.fileno() in ready:
                return self._take_request()

    def _take_request(self) -> bool:
        message = self._handover.receive()
        if message is None:
            return False
        client, *streams = self._handover.take_fds()
        self._handover.close()
        self.channel = Channel(socket.socket(fileno=client))
        self.channel.socket.settimeout(_CLIENT_SECONDS)
        self.request = LaunchRequest.from_message(message)
        with contextlib.suppress(OSError):  # a kernel that has died already is noticed next
            self._cord.send(message, tuple(streams))
        self._cord.close()
        for fd in streams:
            os.close(fd)
        return True

    def _drain(self, ready: dict[int, int]) -> None:
        if self._wake[0] in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake[0], 4096)

    def _watch(self) -> None:
        poller = select.poll()
        for fd in (self.channel.fileno(), self._wake[0], self._started[0]):
            poller.register(fd, select.POLLIN)
        while self._cause is None and self._status is None:
            ready = dict(poller.poll(_MEMORY_INTERVAL * 1000 if self._limit else None))
            if self._terminated:
                self._cause = "killed, as its forkserver ended"
            self._drain(ready)
            self._status = tree.reap().get(self.kernel)
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
            self._tree, self._tree_read = set(tree.descendants(os.getpid())), now
        limit = (self._limit or 0) * _GIGA
        # The sum of resident pages counts shared ones many times and is cheap; only above the
        # limit is it worth asking for the proportional sum, which walks all page tables.
        if tree.resident_memory(self._tree) < limit:
            return
        used = tree.own_memory(self._tree)
        if used > limit:
            self._cause = f"out of memory: {used / _GIGA:.2f} GB of {limit / _GIGA:.2f} GB"

    def _finish(self) -> None:
        statuses = tree.end_descendants(_PROMPT)
        if self._status is None:
            self._status = statuses.get(self.kernel)
        if self._status is not None:
            self._announce()
            oom = self._cause is None and _system_oom_kills() > self._oom_kills
            code, reason = _describe(self._status, oom)
        else:
            code, reason = -signal.SIGKILL, "killed, but it does not end"
        self._tell({"event": "exit", "code": code, "reason": self._cause or reason})
        tree.end_descendants(float("inf"))
        if self._deserted:
            self._remove_folders()

    def _remove_folders(self) -> None:
        """Remove what the client would have removed, had it lived."""
        import shutil

        owner, _, temporary = self.request.env.get(TEMPORARY, "").partition(" ")
        # A kernel that was started inside a job has inherited what belongs to that job's runner.
        theirs = _runs(owner)
        for folder in (self.request.folder, None if theirs else temporary):
            if folder:
                shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: str) -> bool:
    """Say whether a process lives; one that has ended and was not waited for does not."""
    if not pid.isdigit():
        return False
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - no pathlib here
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (OSError, IndexError):
        return False
