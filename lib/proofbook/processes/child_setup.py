"""The first steps of a kernel process, between the fork and its own code.

Gives it what ``subprocess.Popen`` would: session, standard streams, working folder, umask,
limits and fresh signal handlers. Imports nothing heavy and knows nothing about IPython.
"""

from __future__ import annotations

import json
import os
import resource
import signal
from typing import NoReturn

from proofbook.processes import tree
from proofbook.processes.ipc import LaunchRequest

__all__ = ["exec_command", "fail", "reset_signals", "separate", "settle", "silence"]

_IGNORED_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}


def reset_signals() -> None:
    """Give every signal the handler that it has in a Python process just started."""
    signal.set_wakeup_fd(-1)
    for signum in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signum in _IGNORED_BY_PYTHON:
            signal.signal(signum, signal.SIG_IGN)
        elif signum == signal.SIGINT:
            signal.signal(signum, signal.default_int_handler)
        elif signal.getsignal(signum) is not None:
            signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def silence(streams: tuple[int, ...] = (0, 1, 2)) -> None:
    """Connect standard streams of this process to the null device."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for fd in streams:
        os.dup2(null, fd)
    if null > 2:
        os.close(null)


def separate(warden: int) -> None:
    """Make this newly forked process one of its own, that ends with its warden."""
    os.setsid()
    reset_signals()
    tree.die_with_parent(signal.SIGKILL, warden)


def settle(request: LaunchRequest, streams: list[int]) -> None:
    """Turn this process into the one that was asked for.

    ``streams`` are descriptors for stdout and stderr; what is missing goes to the null device.

    Raises:
        OSError: The working folder or a limit cannot be had.
    """
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
    """Tell the warden through the pipe ``status`` why the kernel cannot start, and end."""
    number = error.errno if isinstance(error, OSError) else None
    os.write(status, json.dumps({"error": str(error), "errno": number}).encode())
    os._exit(127)


def exec_command(request: LaunchRequest) -> NoReturn:
    """Become the requested command.

    Raises:
        OSError: It does not exist or cannot be executed.
    """
    for signum in _IGNORED_BY_PYTHON | {signal.SIGINT}:
        signal.signal(signum, signal.SIG_DFL)
    os.execvpe(request.argv[0], request.argv, {**request.env, "JPY_PARENT_PID": str(os.getppid())})
