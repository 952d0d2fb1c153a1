"""The process between a client and its program: whatever happens, nothing outlives the client.

The warden forks the program and adopts its orphans. It reports how the program ended, passes
signals on, enforces a memory limit, and ends every descendant when the program, the client or the
warden's own parent is gone. It may be forked, and fork the program, before anyone asks for one.
Knows nothing about Jupyter.
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
from proofbook.processes.leases import GUARD, take_lease
from proofbook.processes.memory_limit import LOOK_SECONDS, MemoryLimit, system_oom_kills
from proofbook.processes.termination import How, exit_words

__all__ = ["Recipe", "Warden"]

_CLIENT_SECONDS = 5.0
"""A client that takes no message for so long is treated as gone."""

_STEP = 0.01
_GUARD_SECONDS = 65.0
"""A guard may take so long to clear up outside of this tree: it removes a container, perhaps."""

_PROMPT = 1.0
"""Seconds within which the end is reported, even if something refuses to die."""


class Recipe(NamedTuple):
    """How a forked process becomes the program."""

    run: Callable[[LaunchRequest, int], None]
    """Does not return; closes the pipe that it is given once the program is under way."""
    early: Callable[[], None]
    """What can be done before it is known which program is wanted."""
    parent: str
    """What messages call the process that forks the wardens."""


class Warden:
    """Watches one program from before its start to the end of its last descendant."""

    def __init__(self, handover: Channel, recipe: Recipe) -> None:
        self._handover, self._recipe = handover, recipe
        self.channel: Channel
        self.request: LaunchRequest
        self.program = 0
        self._status: int | None = None
        self._announced = False
        self._how: How = "exited"
        self._cause = ""
        """Why the warden itself ended the program; empty where it did not, or was asked to."""
        self._kill_at: float | None = None
        """When the program is killed, on the monotonic clock."""
        self._terminated = False
        self._oom_kills = system_oom_kills()
        self._memory: MemoryLimit | None = None
        # A signal between "nothing to do" and poll() would be slept over: the handler writes
        # into a pipe that is polled too (the "self-pipe trick", select(2)).
        self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._started = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._cord, self._programs_cord = Channel(ours), Channel(theirs)
        self._poller = select.poll()

    def run(self) -> None:
        """Fork the program, give it the request that comes, watch it until nothing is left."""
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # ignored, it would not wake the poll
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
        self.program = os.fork()
        if self.program:
            os.close(self._started[1])
            self._programs_cord.close()
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
            message = self._programs_cord.receive()
            if message is None:
                os._exit(0)
            streams = self._programs_cord.take_fds()
            self._programs_cord.close()
            request = LaunchRequest.from_message(message)
            settle(request, streams)
            self._recipe.run(request, status)
        except Exception as error:  # noqa: BLE001 - the warden reports it; this process ends
            fail(status, error)

    def _await_request(self) -> bool:
        for fd in (self._handover.fileno(), self._wake[0]):
            self._poller.register(fd, select.POLLIN)
        while True:
            ready = dict(self._poller.poll())
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
        self._poller.unregister(self._handover.fileno())
        self._handover.close()
        self.channel = Channel(socket.socket(fileno=client))
        self.channel.socket.settimeout(_CLIENT_SECONDS)
        self.request = LaunchRequest.from_message(message)
        if self.request.memory_limit_gb is not None:
            self._memory = MemoryLimit(self.request.memory_limit_gb)
        for folder in self.request.folders:
            take_lease(folder)  # held until this process ends, by which time nothing uses it
        with contextlib.suppress(OSError):  # a program that has died already is noticed next
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
        for fd in (self.channel.fileno(), self._started[0]):
            self._poller.register(fd, select.POLLIN)
        while self._status is None and not self._is_due():
            ready = dict(self._poller.poll(self._patience()))
            self._drain(ready)
            if self._terminated:
                self._end(self.request.grace, f"was killed, as its {self._recipe.parent} ended")
            self._status = tree.reap().get(self.program)
            if self._started[0] in ready:
                self._poller.unregister(self._started[0])
                self._announce()
            if self._status is None and self.channel.fileno() in ready:
                self._obey()
            if self._status is None and self._memory and (amount := self._memory.exceeded()):
                self._end(0, f"ran out of memory: {amount}")

    def _is_due(self) -> bool:
        return self._kill_at is not None and time.monotonic() >= self._kill_at

    def _patience(self) -> float | None:
        """Return the milliseconds until there is something to do, or None."""
        waits = [LOOK_SECONDS] if self._memory else []
        if self._kill_at is not None:
            waits.append(max(0.0, self._kill_at - time.monotonic()))
        return min(waits) * 1000 if waits else None

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
            self._tell({"event": "started", "pid": self.program})

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
                self._signal(int(message["signal"]), alone=bool(message.get("alone")))
            elif message.get("op") == "end":
                self._end(float(message["grace"]))
        if closed:
            self._poller.unregister(self.channel.fileno())  # it would be readable for ever
            self._end(self.request.grace, "was killed, as its client was gone")

    def _signal(self, signum: int, *, alone: bool = False) -> None:
        # The program is not reaped yet, so its pid and group cannot belong to anyone else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            (os.kill if alone else os.killpg)(self.program, signum)

    def _end(self, grace: float, cause: str = "") -> None:
        """Ask the program to end, and set the time at which it is made to."""
        due = time.monotonic() + grace
        self._kill_at = due if self._kill_at is None else min(due, self._kill_at)
        self._cause = self._cause or cause
        if grace > 0 and self._how == "exited":
            self._signal(signal.SIGTERM)
            self._how = "terminated"

    def _finish(self) -> None:
        if self._status is None:
            self._how = "killed"
        left = self._wait_for_the_rest()
        statuses = tree.end_descendants(_PROMPT, tree.descendants_running(os.getpid(), GUARD))
        if self._status is None:
            self._status = statuses.get(self.program)
        code, reason = -int(signal.SIGKILL), "was killed, but does not end"
        if self._status is not None:
            self._announce()
            code = os.waitstatus_to_exitcode(self._status)
            reason = exit_words(code)
            if code == -signal.SIGKILL and system_oom_kills() > self._oom_kills:
                reason += ", as the system was out of memory"
        self._tell(
            {"event": "exit", "code": code, "how": self._how, "reason": self._cause or reason,
             "left": left}
        )  # fmt: skip
        self._wait_for_guards(time.monotonic() + _GUARD_SECONDS)
        tree.end_descendants(float("inf"))

    def _wait_for_the_rest(self) -> list[str]:
        """Let what the program has started end after it; return what does not, by pid and name."""
        deadline = time.monotonic() + self.request.linger
        while self.request.linger and self._status is not None and not self._cause:
            tree.reap()
            left = {*tree.descendants(os.getpid())} - tree.descendants_running(os.getpid(), GUARD)
            if not left or time.monotonic() > deadline or self._terminated:
                return [f"{pid} {_name(pid)}" for pid in sorted(left)]
            time.sleep(_STEP)
        return []

    def _wait_for_guards(self, deadline: float) -> None:
        """Let guards that the tree has started do what they are for; their owners have ended."""
        while time.monotonic() < deadline:
            tree.reap()
            if not tree.descendants_running(os.getpid(), GUARD):
                return
            time.sleep(_STEP)


def _name(pid: int) -> str:
    return tree.read_proc(f"/proc/{pid}/comm").decode(errors="replace").strip() or "that has ended"
