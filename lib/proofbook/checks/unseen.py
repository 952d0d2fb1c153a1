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

import asyncio
import logging
import sys
import threading
import traceback
import weakref
from collections.abc import Iterator
from typing import Any, Protocol

from proofbook.checks.unawaited import tell_of_thrown_away

__all__ = ["Watcher", "describe", "lost_tasks", "unwatch", "watch"]


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


def lost_tasks() -> Iterator[str]:
    """Yield, once, how each task failed that has ended and that nobody has awaited."""
    for task in _known_tasks():
        # Only an event loop's own task knows whether its exception was asked for; it is now.
        if task.done() and not task.cancelled() and getattr(task, "_log_traceback", False):
            error = task.exception()
            if error is not None:
                yield f"task {task.get_name()} raised {describe(error)}, and nobody awaited it"


def describe(error: BaseException) -> str:
    """Return an exception and its notes as one line; also where it cannot be turned into text."""
    told = traceback.TracebackException(type(error), error, None)
    notes, told.__notes__ = told.__notes__ or [], None
    *_, said = told.format_exception_only()
    return " ".join(" ".join([said, *map(str, notes)]).split())[:400]


def _known_tasks() -> list[asyncio.Task[Any]]:
    """Return all tasks that there are; asyncio.all_tasks leaves out those that have ended."""
    if sys.version_info >= (3, 14):
        import gc

        return [each for each in gc.get_objects() if isinstance(each, asyncio.Task)]
    known = getattr(
        asyncio.tasks, "_scheduled_tasks" if sys.version_info >= (3, 12) else "_all_tasks"
    )
    while True:
        try:
            return list(known)
        except RuntimeError:  # a loop of another thread has added one meanwhile
            continue


def _install() -> None:
    before = threading.excepthook

    def tell_of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            name = args.thread.name if args.thread else "of no name"
            _tell(f"thread {name} raised {describe(args.exc_value)}")
        before(args)

    threading.excepthook = tell_of_thread
    tell_of_thrown_away(_tell)
    _watch_threads_without_object()
    logging.getLogger("asyncio").addFilter(_tell_of_loop)
    _show_all()


def _watch_threads_without_object() -> None:
    """Tell of those that ``_thread.start_new_thread`` starts, and extensions in C."""
    before = sys.unraisablehook

    def tell_of_unraisable(unraisable: Any) -> None:
        if "in thread started by" in (unraisable.err_msg or ""):
            _tell(f"a thread raised {describe(unraisable.exc_value)}")
        before(unraisable)

    sys.unraisablehook = tell_of_unraisable


def _show_all() -> None:
    """Have the shell show as exceptions those that it only prints: groups, and misused magics."""
    from IPython.core.error import UsageError
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        return
    show = shell.showtraceback

    def showtraceback(exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
        kind, error, _ = exc_tuple or sys.exc_info()
        show(exc_tuple, *args, **kwargs)
        if isinstance(error, UsageError) or _has_group(error):
            shell._showtraceback(kind, error, traceback.format_exception_only(error))

    shell.showtraceback = showtraceback


def _has_group(error: BaseException | None) -> bool:
    """Say whether an exception, or one that it came from, is a group."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, BaseExceptionGroup):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _tell_of_loop(record: logging.LogRecord) -> bool:
    """Tell of what an event loop only logs: Task exception was never retrieved, and the like."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        first = record.getMessage().partition("\n")[0]
        _tell(f"an event loop met {describe(error)}: {first}")
    return True


def _tell(what: str) -> None:
    with _lock:
        watchers = list(_watchers)
    for watcher in watchers:
        watcher.note_fault(what)
