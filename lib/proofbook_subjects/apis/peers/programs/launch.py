"""Run a server on a port, or say in one line why it cannot be.

``python launch.py --port N [--port-as NAME] [--free NAME]… -- PROGRAM ARGUMENT…``: the program
takes this process's place. Each NAME becomes a variable: with the port, or with a free one for what
the server listens on besides.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys
from contextlib import ExitStack

__all__ = ["main"]

_HOST = "127.0.0.1"


def main() -> None:
    """Check the port, and become the program."""
    parser = argparse.ArgumentParser(prog="launch.py")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--port-as", metavar="NAME")
    parser.add_argument("--free", action="append", default=[], metavar="NAME")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    program = given.command[0]
    if shutil.which(program) is None:
        sys.exit(f"cannot start the server: there is no program {program}")
    try:
        ports = _claim(given.port, given.free)
    except (OSError, OverflowError) as error:
        fault = getattr(error, "strerror", None) or str(error).rstrip(".")
        sys.exit(f"cannot start the server: port {given.port} of {_HOST}: {fault}")
    if given.port_as:
        ports[given.port_as] = str(given.port)
    os.execvpe(program, given.command, {**os.environ, **ports})


def _claim(port: int, names: list[str]) -> dict[str, str]:
    """Return a free port for each name, none of them another's or the server's own."""
    with ExitStack() as stack:
        _bind(stack, port)
        # All are held until the last is found: the system may give one out again at once.
        return {name: str(_bind(stack, 0)) for name in names}


def _bind(stack: ExitStack, port: int) -> int:
    probe = stack.enter_context(socket.socket())
    # As servers do: a port whose connections have just ended is free (socket(7)).
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind((_HOST, port))
    return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
