"""A kernel as its client holds it: by the connection to its warden, never by a bare pid.

:func:`attach` asks a forkserver for a warm kernel, :func:`spawn` starts an ordinary one; both give
a :class:`KernelProcess`, which looks like ``subprocess.Popen``. When it is closed, or this
process ends in any way, the warden ends the kernel and all that it started.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any, Literal

from proofbook.errors import ForkserverError, KernelError
from proofbook.processes import tree
from proofbook.processes.ipc import Channel, LaunchRequest, current_umask, peer_uid

__all__ = ["KernelProcess", "attach", "make_request", "spawn"]

_START = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from proofbook.processes.subreaper import main; sys.exit(main())"
)


def make_request(
    argv: list[str],
    *,
    env: dict[str, str],
    cwd: str | os.PathLike[str] | None = None,
    memory_limit_gb: float | None = None,
    folder: str | None = None,
) -> LaunchRequest:
    """Describe a kernel that inherits umask, limits and processors of this process."""
    import resource

    numbers = {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
    return LaunchRequest(
        argv=argv,
        env=env,
        cwd=os.path.realpath(cwd or "."),
        umask=current_umask(),
        limits={str(number): resource.getrlimit(number) for number in sorted(numbers)},
        affinity=sorted(os.sched_getaffinity(0)),
        memory_limit_gb=memory_limit_gb,
        folder=folder,
    )


class KernelProcess:
    """A started kernel; ``returncode`` is as in ``subprocess``: minus n for signal n."""

    def __init__(self, channel: Channel, pid: int, kind: Literal["warm", "ordinary"]) -> None:
        self.pid, self.kind = pid, kind
        self.returncode: int | None = None
        self.reason: str | None = None
        """How it ended: ``exited with code 3``, ``killed by signal 9 (SIGKILL)``."""
        self.stdin: IO[bytes] | None = None
        self.stdout: IO[bytes] | None = None
        self.stderr: IO[bytes] | None = None
        self._channel = channel
        self._lock = threading.Lock()

    def fileno(self) -> int:
        """Return a descriptor that becomes readable when the kernel has ended."""
        return self._channel.fileno()

    def poll(self) -> int | None:
        """Return the exit code, or None while the kernel runs."""
        with self._lock:
            if self.returncode is None and self._channel.fileno() >= 0:
                messages, closed = self._channel.pending()
                for message in messages:
                    if message.get("event") == "exit":
                        self.returncode, self.reason = int(message["code"]), str(message["reason"])
                if closed and self.returncode is None:
                    self.returncode = -signal.SIGKILL
                    self.reason = "killed, as its warden was killed"
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
                raise subprocess.TimeoutExpired("kernel", timeout or 0)
            select.select([self.fileno()], [], [], left)
        return code

    async def ended(self) -> int:
        """Return the exit code as soon as there is one; costs nothing while waiting."""
        while (code := self.poll()) is None:
            await _readable(self.fileno())
        return code

    def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel's process group, unless it has ended."""
        self._tell({"op": "signal", "signal": int(signum)})

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the kernel and all its descendants at once."""
        self._tell({"op": "kill"})

    def close(self) -> None:
        """Let go of the kernel; if it still runs, its warden ends it."""
        with self._lock:
            self._channel.close()

    def _tell(self, message: dict[str, Any]) -> None:
        if self.poll() is None:
            with self._lock, contextlib.suppress(OSError):  # it has just ended
                self._channel.send(message)


async def _readable(fd: int) -> None:
    # A duplicate, as a loop knows one reader per descriptor and there may be several waiting.
    loop, own = asyncio.get_running_loop(), os.dup(fd)
    ready = asyncio.Event()
    try:
        loop.add_reader(own, ready.set)
        await ready.wait()
    finally:
        loop.remove_reader(own)
        os.close(own)


def _started(channel: Channel, kind: Literal["warm", "ordinary"]) -> KernelProcess:
    message = channel.receive()
    event = message.get("event") if message else None
    if message and event == "started":
        channel.socket.settimeout(None)
        return KernelProcess(channel, int(message["pid"]), kind)
    if message and event == "refused":
        raise ForkserverError(str(message["reason"]))
    if message and event == "failed":
        if message.get("errno"):
            raise OSError(message["errno"], message["error"])
        raise KernelError(f"the kernel could not be set up: {message['error']}")
    raise KernelError("it ended without an answer")


def attach(
    path: Path, request: LaunchRequest, streams: tuple[int, ...], *, timeout: float = 120
) -> KernelProcess:
    """Have the forkserver at socket ``path`` fork a kernel that writes to ``streams``.

    Waits while the forkserver is still importing, at most ``timeout`` seconds.

    Raises:
        ForkserverError: It is not there, not ours, or cannot serve this request; its text is the
            reason alone.
        OSError: What was asked for is impossible, such as a working folder that does not exist.
    """
    channel = Channel(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    try:
        try:
            channel.socket.settimeout(timeout)
            channel.socket.connect(str(path))
            if peer_uid(channel.socket) != os.getuid():
                raise ForkserverError("it belongs to another user")
            channel.send(request.message(), streams)
        except OSError as error:
            raise ForkserverError(f"it does not answer at {path}: {error}") from error
        return _answered(channel)
    except BaseException:
        channel.close()
        raise


def _answered(channel: Channel) -> KernelProcess:
    try:
        return _started(channel, "warm")
    except (TimeoutError, json.JSONDecodeError) as error:
        raise ForkserverError(f"it did not answer in time: {error}") from error
    except ForkserverError:
        raise
    except KernelError as error:
        raise ForkserverError(str(error)) from error


def spawn(request: LaunchRequest, streams: tuple[int, ...]) -> KernelProcess:
    """Start an ordinary kernel under a warden of its own.

    Raises:
        KernelError: This system has no wardens.
        OSError: The command or its working folder does not exist.
    """
    if not tree.SUPPORTED:
        raise KernelError("wardens need Linux")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    channel = Channel(ours)
    try:
        with theirs:
            library = str(Path(__file__).resolve().parents[2])
            fd = theirs.fileno()
            subreaper = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, library, str(fd)],
                pass_fds=(fd,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        threading.Thread(target=subreaper.wait, name="pb-reaper", daemon=True).start()
        channel.send(request.message(), streams)
        return _started(channel, "ordinary")
    except BaseException:
        channel.close()
        raise
