"""Messages between client, forkserver and warden: one JSON object a line on a Unix socket.

The first message of a client may carry file descriptors (SCM_RIGHTS, unix(7)). Knows nothing about
what the messages mean, except for :class:`LaunchRequest`, which all three share.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["MAX_MESSAGE", "Channel", "LaunchRequest", "current_umask", "peer_uid"]

MAX_MESSAGE = 4 << 20
"""Bytes; an environment is at most a few hundred kilobytes."""

_MAX_FDS = 3
"""A client's socket, its stdout and its stderr."""


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """One program to start, as ``subprocess.Popen`` would be asked to."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    umask: int = 0o022
    limits: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Soft and hard resource limits of the client, by the number of the resource."""
    affinity: list[int] = field(default_factory=list)
    """The CPUs that the client may use."""
    memory_limit_gb: float | None = None
    """Of the program with all that it starts."""
    folders: list[str] = field(default_factory=list)
    """Temporary folders that it may use: they stay until it and all that it started have ended."""
    grace: float = 0.0
    """Seconds between SIGTERM and SIGKILL where its client or its forkserver ends; 0 is at once."""
    linger: float = 0.0
    """Seconds in which what the program has started may end after it; the rest is told."""
    parent_variable: str = ""
    """The environment variable that shall hold its parent's process id."""

    def message(self) -> dict[str, Any]:
        """Return the message that asks for it."""
        return {"op": "launch", **asdict(self)}

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> LaunchRequest:
        """Read the message again.

        Raises:
            TypeError: It has unknown or missing fields.
        """
        return cls(**{key: value for key, value in message.items() if key != "op"})


class Channel:
    """A connected Unix socket that carries JSON lines; ``None`` from a read means end of file."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._buffer = b""
        self._lines: list[bytes] = []
        self._fds: list[int] = []

    def fileno(self) -> int:
        """Return the descriptor to poll; -1 when closed."""
        return self.socket.fileno()

    def close(self) -> None:
        """Close the socket and the descriptors received and not taken."""
        self.socket.close()
        for fd in self.take_fds():
            os.close(fd)

    def take_fds(self) -> list[int]:
        """Hand over the descriptors received so far; the caller closes them."""
        fds, self._fds = self._fds, []
        return fds

    def send(self, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
        """Send one message; blocks as long as the socket's time-out allows.

        Raises:
            OSError: The other end is gone.
        """
        data = json.dumps(message).encode() + b"\n"
        sent = socket.send_fds(self.socket, [data], fds) if fds else 0
        if sent < len(data):  # even of nothing, a send fails once the other end has closed
            self.socket.sendall(data[sent:], socket.MSG_NOSIGNAL)

    def receive(self) -> dict[str, Any] | None:
        """Return the next message, waiting for it as long as the socket's time-out allows.

        Raises:
            TimeoutError: Nothing came in time.
            ValueError: What came is not a message.
        """
        while not self._lines:
            if not self._fill():
                return None
        return self._parse()

    def pending(self) -> tuple[list[dict[str, Any]], bool]:
        """Return the messages that are there now, and whether the other end has closed."""
        closed = False
        timeout = self.socket.gettimeout()
        self.socket.settimeout(0)
        try:
            while self._fill():
                pass
            closed = True
        except BlockingIOError:
            pass
        finally:
            self.socket.settimeout(timeout)
        messages = []
        while self._lines:
            messages.append(self._parse())
        return messages, closed

    def _fill(self) -> bool:
        try:
            data, fds, _, _ = socket.recv_fds(self.socket, 1 << 16, _MAX_FDS)
        except (ConnectionResetError, BrokenPipeError):
            return False
        for fd in fds:
            os.set_inheritable(fd, False)  # recvmsg(2): close-on-exec only with MSG_CMSG_CLOEXEC
        self._fds += fds
        if not data:
            return False
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        self._lines += lines
        if len(self._buffer) > MAX_MESSAGE:
            raise ValueError("a message is too long")
        return True

    def _parse(self) -> dict[str, Any]:
        message = json.loads(self._lines.pop(0))
        if not isinstance(message, dict):
            raise ValueError("a message is not an object")
        return message


def peer_uid(sock: socket.socket) -> int:
    """Return the user id of the process at the other end of a Unix socket."""
    if sys.platform != "linux":
        return os.getuid()
    # struct ucred (unix(7)): pid, uid, gid of the process that called connect or socketpair.
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def current_umask() -> int:
    """Return the umask without changing it, which ``os.umask`` cannot do."""
    with open("/proc/self/status") as status:  # noqa: PTH123 - a warden imports no pathlib
        for line in status:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return 0o022
