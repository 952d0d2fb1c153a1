"""Exceptions that nobody gets to see: in a thread, in a task, in a callback of an event loop.

Python prints them and goes on, and so does a notebook. Whoever watches is told of each in one line,
and of each coroutine that a cell throws away before anything of it has run. Knows nothing about
checks.

What a pool's future raised (``concurrent.futures``) is not told of, though nobody may have asked. A
task notes whether its exception was asked for. Such a future does not, and who looks at its
``exception()``, or passes it to ``wait`` or ``as_completed``, leaves no trace: methods of the
standard library would have to be replaced in the process that is tested. Even then right notebooks
would be blamed: after the first exception of ``map``, or of a loop over ``result()``, nobody asks
for the others, and where one process of a pool dies, all of its futures fail.
"""

from __future__ import annotations

import logging
import sys
import threading
import weakref
from typing import Any, Protocol

from proofbook.checks.exceptions import describe
from proofbook.checks.swallowed import show_all
from proofbook.checks.unawaited import tell_of_thrown_away

__all__ = ["Watcher", "unwatch", "watch"]


class Watcher(Protocol):
    """Who wants to know."""

    def note_fault(self, what: str) -> None:
        """Take one line; may be called from any thread."""


_watchers: weakref.WeakSet[Watcher] = weakref.WeakSet()
_lock = threading.Lock()
_installed = False


def watch(watcher: Watcher) -> None:
    """Tell ``watcher``, for as long as it lives, of each exception that nobody gets to see."""
    global _installed
    with _lock:
        if not _installed:
            _install()
            _installed = True
        _watchers.add(watcher)


def unwatch(watcher: Watcher) -> None:
    """Tell ``watcher`` no more."""
    with _lock:
        _watchers.discard(watcher)


def _install() -> None:
    before = threading.excepthook

    def tell_of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not _is_right_end(args.exc_value):
            name = args.thread.name if args.thread else "of no name"
            _tell(f"thread {name} raised {describe(args.exc_value)}")
        before(args)

    threading.excepthook = tell_of_thread
    tell_of_thrown_away(_tell)
    show_all(_tell)
    _watch_what_python_ignores()
    _watch_errors_logged("asyncio", "an event loop met")
    _watch_errors_logged("concurrent.futures", "a future met")
    _watch_errors_logged("autoreload", "an old module stays in use, since autoreload met")


def _is_right_end(error: BaseException) -> bool:
    """Say whether a thread has only left, and not with a message or a code that is not 0."""
    return isinstance(error, SystemExit) and error.code in (None, 0)


def _watch_what_python_ignores() -> None:
    """Tell of threads without an object, as extensions in C start them, and of C's callbacks."""
    before = sys.unraisablehook

    def tell_of_unraisable(unraisable: Any) -> None:
        where = unraisable.err_msg or ""
        if "in thread started by" in where:
            _tell(f"a thread raised {describe(unraisable.exc_value)}")
        elif "callback" in where:
            _tell(f"a callback from C raised {describe(unraisable.exc_value)}")
        before(unraisable)

    sys.unraisablehook = tell_of_unraisable


def _watch_errors_logged(name: str, words: str) -> None:
    """Tell of exceptions that are only logged: Task exception was never retrieved, and the like.

    The logger's own method is asked, as a notebook may have silenced all logging.
    """
    logger = logging.getLogger(name)
    before = logger.error

    def error(msg: object, *args: object, exc_info: Any = None, **kwargs: Any) -> None:
        met = sys.exc_info()[1] if exc_info is True else exc_info
        met = met[1] if isinstance(met, tuple) else met
        if isinstance(met, BaseException):
            first = str(msg).partition("\n")[0].removesuffix(" for %r")
            _tell(f"{words} {describe(met)}: {first}")
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
        before(msg, *args, exc_info=exc_info, **kwargs)

    logger.error = error  # type: ignore[method-assign]


def _tell(what: str) -> None:
    with _lock:
        watchers = list(_watchers)
    for watcher in watchers:
        watcher.note_fault(what)
