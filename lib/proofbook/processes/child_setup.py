"""The first steps of a started process, between the fork and its own code.

Gives it what it would have in a fresh session of a shell: a session of its own, default signal
dispositions, an empty signal mask, standard streams, working folder, umask and limits. Imports
nothing heavy and knows nothing about what the process becomes.
"""

from __future__ import annotations

import json
import os
import signal
from typing import NoReturn

from proofbook.processes import tree
from proofbook.processes.ipc import LaunchRequest
from proofbook.processes.signals import default_signals, python_signals

__all__ = ["exec_command", "fail", "separate", "settle", "silence"]


def silence(streams: tuple[int, ...] = (0, 1, 2)) -> None:
    """Connect standard streams of this process to the null device."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for fd in streams:
        os.dup2(null, fd)
    if null > 2:
        os.close(null)


def separate(warden: int) -> None:
    """Make this newly forked process one of its own, that ends with its warden."""
    os.setsid()  # setsid(2): a Ctrl-C at the terminal goes to the owner alone, which then decides
    python_signals()
    tree.die_with_parent(signal.SIGKILL, warden)


def settle(request: LaunchRequest, streams: list[int]) -> None:
    """Turn this process into the one that was asked for.

    ``streams`` are descriptors for stdout and stderr; what is missing goes to the null device.

    Raises:
        OSError: The working folder or a limit cannot be had.
    """
    import resource  # not on Windows, where this module is imported all the same

    for target, fd in zip((1, 2), streams, strict=False):
        os.dup2(fd, target)
    for fd in streams:
        os.close(fd)
    os.umask(request.umask)
    for number, (soft, hard) in request.limits.items():
        if resource.getrlimit(int(number)) != (soft, hard):
            resource.setrlimit(int(number), (soft, hard))
    if request.affinity:
        os.sched_setaffinity(0, request.affinity)
    os.chdir(request.cwd)


def fail(status: int, error: Exception) -> NoReturn:
    """Tell the warden through the pipe ``status`` why the program cannot start, and end."""
    number = error.errno if isinstance(error, OSError) else None
    os.write(status, json.dumps({"error": str(error), "errno": number}).encode())
    os._exit(127)


def exec_command(request: LaunchRequest) -> NoReturn:
    """Become the requested command.

    Raises:
        OSError: It does not exist or cannot be executed.
    """
    parent = {request.parent_variable: str(os.getppid())} if request.parent_variable else {}
    default_signals()
    os.execvpe(request.argv[0], request.argv, {**request.env, **parent})
