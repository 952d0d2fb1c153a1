"""Exceptions that the shell only prints, or does not even print: have each shown as an exception.

What is shown becomes an output of the cell, which whoever judges the notebook sees. These are
groups and misused magics; exceptions whose traceback cannot be made, or that another package's
traceback (rich's) only prints; what ``%debug`` and ``%run -d`` print; and a ``SystemExit`` in code
that ``%prun``, ``%%prun`` or ``cProfile.run`` profile, which skips the rest of that code. Knows
nothing about checks.

Not shown is what a notebook asks to be ignored: by ``%run -e``, ``%time --no-raise-error``,
``%%bash --no-raise-error`` or ``--bg``, a ``!command``, a ``showtraceback`` of its own. Nor is what
a magic says of its own arguments, as ``%macro`` and ``%config`` do: no code was left out.
"""

from __future__ import annotations

import cProfile
import profile
import sys
import traceback
from collections.abc import Callable
from typing import Any

__all__ = ["show_all"]

_SWALLOW_EXITS = frozenset({"profile", "IPython.core.magics.execution"})
"""Modules that profile code and go on when it exits."""

_Publish = Callable[[BaseException], object]


def show_all(tell: Callable[[str], object]) -> None:
    """From now on, have this process's shell show what it would keep to itself.

    ``tell`` is called with a line about what the shell has no exception to show for.
    """
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        return
    publish = _publish_all(shell)
    _publish_what_a_debugger_prints(shell, publish)
    _show_profiled_exits(shell, cProfile.Profile)
    _show_profiled_exits(shell, profile.Profile)
    _tell_of_lost_transformers(shell, tell)


def _publish_all(shell: Any) -> _Publish:
    """Publish what the shell shows in any other way, whoever has replaced how it does that.

    Returns what publishes one more.
    """
    kind_of_shell = type(shell)
    send, show = kind_of_shell._showtraceback, shell.showtraceback
    published = 0

    def publish(error: BaseException) -> None:
        send(shell, type(error), error, traceback.format_exception_only(error))

    def _showtraceback(self: Any, *args: Any) -> None:
        nonlocal published
        published += 1
        send(self, *args)

    def showtraceback(exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
        error = (exc_tuple or sys.exc_info())[1]
        before = published
        show(exc_tuple, *args, **kwargs)
        if error is not None and published == before:
            publish(error)

    kind_of_shell._showtraceback = _showtraceback
    shell.showtraceback = showtraceback
    return publish


def _publish_what_a_debugger_prints(shell: Any, publish: _Publish) -> None:
    """Publish what the shell's traceback is called to print, as by ``%debug``."""
    printer = type(shell.InteractiveTB)
    call = printer.__call__

    def told_call(self: Any, etype: Any = None, evalue: Any = None, *a: Any, **kw: Any) -> None:
        call(self, etype, evalue, *a, **kw)
        if self is shell.InteractiveTB and evalue is not None:
            publish(evalue)

    printer.__call__ = told_call


def _show_profiled_exits(shell: Any, profiler: Any) -> None:
    """Show that code has exited which one of those profiles who go on after that."""
    runctx = profiler.runctx

    def told_runctx(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return runctx(self, *args, **kwargs)
        except SystemExit:
            caller: Any = sys._getframe(1)
            if caller.f_code is profiler.run.__code__:
                caller = caller.f_back
            if caller.f_globals.get("__name__") in _SWALLOW_EXITS:
                shell.showtraceback(exception_only=True)
            raise

    profiler.runctx = told_runctx


def _tell_of_lost_transformers(shell: Any, tell: Callable[[str], object]) -> None:
    """Tell where a transformer of cells raises: the shell drops it and runs the cell without."""
    transform = shell.transform_ast

    def transform_ast(node: Any) -> Any:
        before = list(shell.ast_transformers)
        node = transform(node)
        for each in before:
            if all(each is not kept for kept in shell.ast_transformers):
                name = type(each).__name__
                tell(f"{name} raised as it transformed a cell, which was executed without it")
        return node

    shell.transform_ast = transform_ast
