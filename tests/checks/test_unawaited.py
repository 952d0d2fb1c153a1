"""A coroutine that a notebook never awaited is told of; one that has run is not."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import IPython.core.getipython
import pytest

from proofbook.checks.unawaited import held_coroutines, tell_of_thrown_away

LINE = "coroutine claim() was made and never awaited; put await before the call"


async def claim() -> None:
    await asyncio.sleep(0)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is told of, where this file is a cell of a notebook."""
    names = {__file__: ("Cell", "In[1]")}
    shell = SimpleNamespace(compile=SimpleNamespace(format_code_name=names.get))
    monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: shell)
    lines: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", lambda *args: None)
        tell_of_thrown_away(lines.append)
        yield lines


def throw_away(make: Any) -> None:
    make()
    gc.collect()


def test_one_that_a_cell_throws_away_is_told_of(told: list[str]) -> None:
    throw_away(claim)
    assert told == [LINE]


def test_one_that_a_library_throws_away_is_not(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = SimpleNamespace(compile=SimpleNamespace(format_code_name={}.get))
    monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: shell)
    throw_away(claim)
    monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: None)
    throw_away(claim)
    assert told == []


def test_other_warnings_of_a_cell_are_left_alone(told: list[str]) -> None:
    warnings.warn("coroutine or not, this was never awaited", RuntimeWarning, stacklevel=1)
    warnings.warn("coroutine 'claim' was never awaited", UserWarning, stacklevel=1)
    assert told == []


def test_each_warning_is_still_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(warnings, "showwarning", lambda *args: shown.append(args))
    tell_of_thrown_away(lambda line: None)
    warnings.showwarning("text", UserWarning, "file.py", 3)
    assert shown == [("text", UserWarning, "file.py", 3, None, None)]


def test_one_that_a_variable_or_an_output_holds_is_told_of_once() -> None:
    one, other = claim(), claim()
    namespace = {"one": one, "again": one, "_": other, "Out": {3: other, 4: 5}, "n": 1}
    assert list(held_coroutines(namespace)) == [LINE, LINE]
    one.close()
    other.close()


def test_one_that_has_run_or_was_closed_is_not_held() -> None:
    ended, closed = claim(), claim()
    asyncio.run(ended)
    closed.close()
    numbers = (number for number in range(3))
    assert not list(held_coroutines({"a": ended, "b": closed, "c": numbers, "Out": "no mapping"}))


def test_one_that_has_begun_is_not_held() -> None:
    begun = claim()
    begun.send(None)
    assert not list(held_coroutines({"begun": begun}))
    begun.close()
