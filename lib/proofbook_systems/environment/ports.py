"""Whether ports are free for a service that is about to start."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Port", "inspect_ports"]


@dataclass(frozen=True, kw_only=True)
class Port:
    """One TCP port of this machine, as it was found."""

    number: int
    state: Literal["free", "in use", "not a port"]
    reason: str
    """What the system said where it is not free."""


def inspect_ports(numbers: Iterable[int], host: str = "127.0.0.1") -> tuple[Port, ...]:
    """Try to bind each port, and let it go again."""
    return tuple(_inspect(number, host) for number in dict.fromkeys(numbers))


def _inspect(number: int, host: str) -> Port:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a connection that has ended and waits (TIME_WAIT) is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except (OSError, OverflowError) as error:
            return _refused(number, host, error)
    return Port(number=number, state="free", reason="")


def _refused(number: int, host: str, error: OSError | OverflowError) -> Port:
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EACCES and not _answers(number, host):
        # Below 1024 only root may bind; whether somebody listens can be seen all the same.
        return Port(number=number, state="free", reason="")
    used = code in (errno.EADDRINUSE, errno.EACCES)
    return Port(number=number, state="in use" if used else "not a port", reason=str(error))


def _answers(number: int, host: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, number)) != errno.ECONNREFUSED  # late is an answer, too
