"""What a notebook has made and never awaited: coroutines that have not begun, lost exceptions.

Python warns of a coroutine as it is thrown away, in a line of stderr that a filter may hide; of one
that is still held, in a variable or deep in an object, it says nothing. What a library makes in its
own code is not told of, but where a variable of the notebook holds it. Knows nothing about checks.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, CoroutineType
from typing import Any

from proofbook.checks.exceptions import describe

__all__ = ["lost_futures", "tell_of_thrown_away", "unbegun_coroutines"]


def unbegun_coroutines(namespace: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each coroutine, of a cell or in a variable, that has not begun."""
    shown = namespace.get("Out")
    values = [*namespace.values(), *(shown.values() if isinstance(shown, dict) else ())]
    coroutines = {id(each): each for each in values if isinstance(each, CoroutineType)}
    coroutines |= {id(e): e for e in _alive(CoroutineType) if _is_of_cell(e.cr_code)}
    unbegun = [e for e in coroutines.values() if inspect.getcoroutinestate(e) == _CREATED]
    tasks = {id(each.get_coro()): each for each in _alive(asyncio.Task)} if unbegun else {}
    for coroutine in unbegun:
        name = coroutine.__qualname__
        yield _unbegun_task(name) if id(coroutine) in tasks else _words(name)


def lost_futures() -> Iterator[str]:
    """Yield, once, how each task or future of an event loop failed that nobody has awaited."""
    for future in _alive(asyncio.Future):
        # Only an event loop's own future knows whether its exception was asked for; it is now.
        if future.done() and not future.cancelled() and getattr(future, "_log_traceback", False):
            error = future.exception()
            if error is not None:
                yield f"{_name(future)} raised {describe(error)}, and nobody awaited it"


def tell_of_thrown_away(tell: Callable[[str], object]) -> None:
    """From now on, call ``tell`` with a line for each coroutine that a cell's code throws away.

    Python's own function is wrapped that warns of one: a filter against warnings comes after it.
    """
    before = warnings._warn_unawaited_coroutine  # type: ignore[attr-defined]

    def warn_unawaited_coroutine(coroutine: Any) -> None:
        if _is_of_cell(sys._getframe(1).f_code):
            tell(_words(coroutine.__qualname__))
        before(coroutine)

    warnings._warn_unawaited_coroutine = warn_unawaited_coroutine  # type: ignore[attr-defined]


_CREATED = inspect.CORO_CREATED


def _alive(kind: type) -> list[Any]:
    """Return all objects of a class and its subclasses that the garbage collector knows."""
    return [each for each in gc.get_objects() if issubclass(type(each), kind)]


def _name(future: asyncio.Future[Any]) -> str:
    return f"task {future.get_name()}" if isinstance(future, asyncio.Task) else "a future"


def _words(name: str) -> str:
    return f"coroutine {name}() was made and never awaited; put await before the call"


def _unbegun_task(name: str) -> str:
    return f"a task of {name}() was made and had not begun; await it before the last cell ends"


def _is_of_cell(code: CodeType) -> bool:
    from IPython.core.getipython import get_ipython

    compiler: Any = getattr(get_ipython(), "compile", None)
    return compiler is not None and compiler.format_code_name(code.co_filename) is not None
