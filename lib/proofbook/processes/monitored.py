"""A command that a C library may end in the middle: what it says of itself is not what it was.

A library that loses what it works with may leave the process by ``_exit(1)``, which no ``except``
and no exit handler sees, and whose exit code is that of something else. The command goes on in a
child, and its parent tells an end of its own from one that was made for it.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from proofbook.processes import tree

__all__ = ["go_on_monitored"]

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_WAITED_FOR = (*_PASSED_ON, signal.SIGCHLD)
_FROM_KERNEL = 0x80
"""``SI_KERNEL`` of sigaction(2): typed at the terminal, so that the child has the signal, too."""


def go_on_monitored(cut_off: Callable[[int], int]) -> None:
    """Go on in a child of this process; the parent waits for it, and ends as it does.

    Args:
        cut_off: Is called in the parent with the exit code of a child that did not come to the end
            of its program; returns the exit code to end with.
    """
    if not tree.SUPPORTED:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    reader, writer = os.pipe()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)
    child = os.fork()
    if child:
        os.close(writer)
        _end_as(child, reader, cut_off)
    tree.die_with_parent(signal.SIGKILL, parent)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    os.close(reader)
    # The first to be registered is the last to be called, see atexit.
    atexit.register(os.write, writer, b".")


def _end_as(child: int, reader: int, cut_off: Callable[[int], int]) -> NoReturn:
    """Wait for the child, pass on what is sent to this process alone, and end as it has ended."""
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        come = signal.sigwaitinfo(_WAITED_FOR)
        if come.si_signo in _PASSED_ON and come.si_code != _FROM_KERNEL:
            os.kill(child, come.si_signo)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        with contextlib.suppress(OSError):  # SIGKILL has no other
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.kill(os.getpid(), -code)
    came_to_its_end = os.read(reader, 1) == b"."
    os._exit(code if came_to_its_end else cut_off(code))
