"""Ports of the loopback interface: choose one, and see whether one is free."""

from __future__ import annotations

import errno
import socket
import sys
import time

import psutil

from proofbook.errors import SubjectError

__all__ = ["HOST", "choose_port", "has_old_connections", "is_free", "wait_free"]

HOST = "127.0.0.1"
_PAUSE = 0.02
_LONG_PAUSE = 0.5
_ANSWER_SECONDS = 1.0


def choose_port(wanted: int = 0, patience: float = 0.0) -> int:
    """Return ``wanted`` if it is free; 0 picks a free port.

    Args:
        wanted: The port.
        patience: Seconds to wait while nothing listens on it, but connections of a server that has
            died keep it. Linux does so for a minute, from anyone if that server did not set
            ``SO_REUSEADDR``.

    Raises:
        SubjectError: It is taken.
    """
    deadline = time.monotonic() + patience
    while True:
        if wanted and not is_free(wanted):
            owner = _owner(wanted)
            raise SubjectError(f"port {wanted} is taken{owner}; free it, or give another or 0")
        try:
            return _bind(wanted, reuse=True)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                reason = error.strerror or error
                raise SubjectError(
                    f"port {wanted} cannot be used: {reason}; give another or 0"
                ) from error
        time.sleep(_LONG_PAUSE)


def has_old_connections(port: int) -> bool:
    """Say whether nothing listens on a port, but a plain ``bind`` to it is refused.

    So it is for a minute after a server with open connections has died; a server that does not set
    ``SO_REUSEADDR`` cannot start until then.
    """
    if not port or not is_free(port):
        return False
    try:
        _bind(port, reuse=False)
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False


def is_free(port: int) -> bool:
    """Say whether nothing listens on a port: a refusal says so, a late answer does not."""
    with socket.socket() as probe:
        probe.settimeout(_ANSWER_SECONDS)
        return probe.connect_ex((HOST, port)) == errno.ECONNREFUSED


def wait_free(port: int, timeout: float) -> bool:
    """Wait until nothing listens on a port any more; return whether that is so."""
    deadline = time.monotonic() + timeout
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _bind(port: int, *, reuse: bool) -> int:
    with socket.socket() as probe:
        if reuse and sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        return int(probe.getsockname()[1])


def _owner(port: int) -> str:
    """Return `` by NAME (process N)`` for what listens on a port, where the system tells."""
    try:
        connections = psutil.net_connections("tcp")
        listening = [c for c in connections if c.laddr and c.laddr.port == port]
        pids = [c.pid for c in listening if c.status == psutil.CONN_LISTEN and c.pid]
        return f" by {psutil.Process(pids[0]).name()} (process {pids[0]})" if pids else ""
    except psutil.Error:
        return ""
