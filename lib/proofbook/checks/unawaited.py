"""Coroutines that a notebook has made and never awaited: nothing of what they are for was done.

Python warns of one as it is thrown away, in a line of stderr; of one that a variable still holds,
as the last value of a cell, it says nothing. What a library throws away in its own code is not
told of. Knows nothing about checks.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import CoroutineType
from typing import Any, TextIO

__all__ = ["held_coroutines", "tell_of_thrown_away"]

_WARNING = re.compile(r"coroutine '(?P<name>.+)' was never awaited")


def held_coroutines(namespace: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each coroutine that a notebook's variables hold, and that has not begun."""
    shown = namespace.get("Out")
    values = [*namespace.values(), *(shown.values() if isinstance(shown, dict) else ())]
    coroutines = {id(each): each for each in values if isinstance(each, CoroutineType)}
    for coroutine in coroutines.values():
        if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
            yield _words(coroutine.__qualname__)


def tell_of_thrown_away(tell: Callable[[str], object]) -> None:
    """From now on, call ``tell`` with a line for each coroutine that a cell's code throws away."""
    before = warnings.showwarning

    def showwarning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        match = _WARNING.match(str(message))
        if match and issubclass(category, RuntimeWarning) and _is_of_cell(filename):
            tell(_words(match["name"]))
        before(message, category, filename, lineno, file, line)

    warnings.showwarning = showwarning


def _words(name: str) -> str:
    return f"coroutine {name}() was made and never awaited; put await before the call"


def _is_of_cell(filename: str) -> bool:
    from IPython.core.getipython import get_ipython

    compiler: Any = getattr(get_ipython(), "compile", None)
    return compiler is not None and compiler.format_code_name(filename) is not None
