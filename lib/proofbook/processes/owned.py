"""A program as its client holds it: by the connection to its warden, never by a bare pid.

:func:`spawn` starts one; it looks like ``subprocess.Popen``. When it is closed, or this process
ends in any way, the warden ends the program and all that it started. Linux alone.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from proofbook.errors import KernelError
from proofbook.processes import tree
from proofbook.processes.ipc import Channel, LaunchRequest, current_umask
from proofbook.processes.termination import How

__all__ = ["OwnedProcess", "first_answer", "make_request", "spawn"]

_START = (
    "import os, sys; sys.path.append(sys.argv.pop(1)); "
    "from proofbook.processes.subreaper import main; os._exit(main())"  # it has nothing to flush
)
_LIBRARY = str(Path(__file__).resolve().parents[2])
_START_SECONDS = 120.0


def make_request(
    argv: list[str], *, env: dict[str, str], cwd: str | os.PathLike[str] | None = None, **more: Any
) -> LaunchRequest:
    """Describe a program that inherits umask, limits and CPUs of this process.

    ``more`` are further fields of :class:`LaunchRequest`.
    """
    import resource

    numbers = {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
    return LaunchRequest(
        argv=argv,
        env=env,
        cwd=os.path.realpath(cwd or "."),
        umask=current_umask(),
        limits={str(number): resource.getrlimit(number) for number in sorted(numbers)},
        affinity=sorted(os.sched_getaffinity(0)),
        **more,
    )


class OwnedProcess:
    """A started program; ``returncode`` is as in ``subprocess``: minus n for signal n."""

    def __init__(self, channel: Channel, pid: int, reaper: threading.Thread | None = None) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.reason: str | None = None
        """How it ended, as the end of a sentence: ``was killed by SIGKILL``."""
        self.how: How = "exited"
        self.left_behind: tuple[str, ...] = ()
        """What the program had started and did not end, by pid and name, where that was asked."""
        self.stdin: IO[bytes] | None = None
        self.stdout: IO[bytes] | None = None
        self.stderr: IO[bytes] | None = None
        self._channel, self._reaper = channel, reaper
        self._lock = threading.Lock()

    def fileno(self) -> int:
        """Return a descriptor that becomes readable when the program has ended."""
        return self._channel.fileno()

    def poll(self) -> int | None:
        """Return the exit code, or None while the program runs."""
        with self._lock:
            if self.returncode is None and self._channel.fileno() >= 0:
                messages, closed = self._channel.pending()
                for message in messages:
                    if message.get("event") == "exit":
                        self.how, self.reason = message["how"], str(message["reason"])
                        self.left_behind = tuple(message.get("left", ()))
                        self.returncode = int(message["code"])
                if closed and self.returncode is None:
                    self.how, self.reason = "killed", "was killed, as its warden was killed"
                    self.returncode = -signal.SIGKILL
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code as soon as there is one.

        Raises:
            subprocess.TimeoutExpired: There is none after ``timeout`` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            select.select([self.fileno()], [], [], left)
        return code

    def send_signal(self, signum: int, *, alone: bool = False) -> None:
        """Send a signal to the program's process group, or to it alone, unless it has ended."""
        self._tell({"op": "signal", "signal": int(signum), "alone": alone})

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the program and all its descendants at once."""
        self.end(0)

    def end(self, grace: float) -> None:
        """Have the warden end the program; it has ``grace`` seconds between being asked and forced.

        Returns at once: :meth:`wait` tells when it has ended.
        """
        self._tell({"op": "end", "grace": grace})

    def wait_gone(self, timeout: float) -> tuple[str, ...]:
        """Wait until nothing is left of a spawned program; return the processes that are."""
        if self._reaper is None:
            return ()
        self._reaper.join(timeout)
        return () if not self._reaper.is_alive() else (f"process {self.pid} or a child of it",)

    def close(self) -> None:
        """Let go of the program; if it still runs, its warden ends it."""
        with self._lock:
            self._channel.close()

    def _tell(self, message: dict[str, Any]) -> None:
        if self.poll() is None:
            with self._lock, contextlib.suppress(OSError):  # it has just ended
                self._channel.send(message)


def first_answer(channel: Channel) -> int:
    """Wait for the first message of a warden, and return the program's process id.

    Raises:
        OSError: The program or its working folder does not exist, or it cannot be executed.
        KernelError: It was refused, or its start failed otherwise.
    """
    message = channel.receive()
    if message is None:
        raise KernelError("it ended without an answer")
    if message["event"] == "started":
        channel.socket.settimeout(None)
        return int(message["pid"])
    if message["event"] == "failed" and message.get("errno"):
        raise OSError(message["errno"], message["error"])
    raise KernelError(str(message.get("reason") or message.get("error")))


def spawn(request: LaunchRequest, streams: Sequence[int]) -> OwnedProcess:
    """Start a program under a warden of its own; it writes to ``streams``, stdout and stderr.

    Raises:
        KernelError: This system has no wardens.
        OSError: The command or its working folder does not exist.
    """
    if not tree.SUPPORTED:
        raise KernelError("wardens need Linux")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.settimeout(_START_SECONDS)
    channel = Channel(ours)
    try:
        with theirs:
            fd = theirs.fileno()
            subreaper = subprocess.Popen(
                # Without site-packages it starts in a third of the time.
                [sys.executable, "-I", "-S", "-c", _START, _LIBRARY, str(fd)],
                pass_fds=(fd,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        reaper = threading.Thread(target=subreaper.wait, name="pb-reaper", daemon=True)
        reaper.start()
        channel.send(request.message(), tuple(streams))
        return OwnedProcess(channel, first_answer(channel), reaper)
    except BaseException:
        channel.close()
        raise
