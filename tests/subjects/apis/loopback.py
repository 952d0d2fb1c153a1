"""Ports on the loopback interface, and waiting for a server there."""

from __future__ import annotations

import socket
import time

import httpx
from waiting import HANG

from proofbook.processes import Supervised


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, server: Supervised) -> None:
    """Wait until a GET succeeds; fail with the server's last words where it ends first."""
    until = time.monotonic() + HANG
    while time.monotonic() < until:
        try:
            if httpx.get(url, trust_env=False, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        assert server.running, f"{server.name} {server.state}: {server.tail(5)}"
        time.sleep(0.05)
    raise AssertionError(f"{url} did not answer: {server.tail(5)}")
