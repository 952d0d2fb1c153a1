"""The signal dispositions and the mask that a started process begins with."""

from __future__ import annotations

import signal

__all__ = ["default_signals", "python_signals"]

_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ")
_FIXED = {getattr(signal, name) for name in ("SIGKILL", "SIGSTOP") if hasattr(signal, name)}


def default_signals() -> None:
    """Give every signal its default disposition and block none; POSIX alone.

    signal(7): what is ignored and what is blocked is inherited through fork *and* execve. A
    program started below a shell's ``&``, nohup or a process that ignores SIGINT could otherwise
    never be interrupted: neither a C program nor Python puts a handler in the place of SIG_IGN.
    """
    for signum in signal.valid_signals() - _FIXED:
        # None is a handler of a C library; execve resets it.
        if signal.getsignal(signum) not in (signal.SIG_DFL, None):
            signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def python_signals() -> None:
    """Give every signal the handler that it has in a Python process just started."""
    signal.set_wakeup_fd(-1)
    default_signals()
    for name in _IGNORED_BY_PYTHON:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
