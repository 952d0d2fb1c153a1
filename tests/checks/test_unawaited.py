"""What a notebook never awaited is told of: coroutines not begun, lost exceptions; nothing else."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import IPython.core.getipython
import pytest

from proofbook.checks.unawaited import lost_futures, tell_of_thrown_away, unbegun_coroutines

LINE = "coroutine claim() was made and never awaited; put await before the call"


async def claim() -> None:
    await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def few_objects() -> Iterator[None]:
    """Have the garbage collector know what a test makes, as in a kernel that was forked."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def in_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """This file is a cell of a notebook."""
    names = {__file__: ("Cell", "In[1]")}
    shell = SimpleNamespace(compile=SimpleNamespace(format_code_name=names.get))
    monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: shell)


@pytest.fixture
def told(in_cell: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told of coroutines that are thrown away."""
    lines: list[str] = []
    monkeypatch.setattr(warnings, "_warn_unawaited_coroutine", lambda coroutine: None)
    tell_of_thrown_away(lines.append)
    return lines


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


@pytest.mark.parametrize("action", ["ignore", "error", "always"])
def test_no_filter_of_warnings_hides_one(action: Any, told: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        throw_away(claim)
    assert told == [LINE]


def test_each_warning_is_still_given(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(warnings, "_warn_unawaited_coroutine", lambda c: given.append(c.cr_code))
    tell_of_thrown_away(lambda line: None)
    throw_away(claim)
    assert given == [claim.__code__]


def test_one_that_a_variable_or_an_output_holds_is_told_of_once() -> None:
    one, other = claim(), claim()
    namespace = {"one": one, "again": one, "_": other, "Out": {3: other, 4: 5}, "n": 1}
    assert list(unbegun_coroutines(namespace)) == [LINE, LINE]
    one.close()
    other.close()


def test_one_of_a_library_that_an_output_holds_is_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shell = SimpleNamespace(compile=SimpleNamespace(format_code_name={}.get))
    monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: shell)
    one = claim()
    assert list(unbegun_coroutines({"Out": {1: one}})) == [LINE]
    assert list(unbegun_coroutines({"Out": 3})) == []
    one.close()


def test_one_that_a_function_of_a_library_throws_away_for_a_cell_is_not_told_of(
    told: list[str],
) -> None:
    """Whose frame lets it go counts, and not who called that."""
    library: dict[str, Any] = {"claim": claim}
    exec(compile("def throw():\n    claim()", "library.py", "exec"), library)
    library["throw"]()
    gc.collect()
    assert told == []


HOLDERS: dict[str, Any] = {
    "list": lambda each: [each],
    "dict in a dict": lambda each: {"a": {"b": each}},
    "object": lambda each: SimpleNamespace(held=each),
    "closure": lambda each: lambda: each,
}


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_one_of_a_cell_is_told_of_wherever_it_is_held(hold: Any, in_cell: None) -> None:
    one = claim()
    holder = hold(one)
    assert list(unbegun_coroutines({"holder": holder})) == [LINE]
    one.close()
    assert list(unbegun_coroutines({"holder": holder})) == []


def test_one_of_a_library_that_no_variable_holds_is_not_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shell = SimpleNamespace(compile=SimpleNamespace(format_code_name={}.get))
    monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: shell)
    one = claim()
    assert list(unbegun_coroutines({"kept": [one]})) == []
    one.close()


def test_a_task_that_has_not_begun_is_told_of_as_one(in_cell: None) -> None:
    async def main() -> list[str]:
        task = asyncio.create_task(claim())
        lines = list(unbegun_coroutines({"task": task}))
        await task
        return lines

    line = "a task of claim() was made and had not begun; await it before the last cell ends"
    assert asyncio.run(main()) == [line]


def test_one_that_has_run_or_was_closed_is_not_told_of(in_cell: None) -> None:
    ended, closed = claim(), claim()
    asyncio.run(ended)
    closed.close()
    numbers = (number for number in range(3))
    assert not list(unbegun_coroutines({"a": ended, "b": closed, "c": numbers, "Out": "no dict"}))


def test_one_that_has_begun_is_not_told_of(in_cell: None) -> None:
    begun = claim()
    begun.send(None)
    assert not list(unbegun_coroutines({"begun": begun}))
    begun.close()


async def fails() -> None:
    raise ValueError("lost")


def test_a_task_that_nobody_awaited_is_lost_once() -> None:
    async def main() -> list[list[str]]:
        lost = asyncio.create_task(fails(), name="lost-one")
        asked = asyncio.create_task(fails())
        cancelled = asyncio.create_task(asyncio.sleep(60))
        fine = asyncio.create_task(asyncio.sleep(0))
        cancelled.cancel()
        await asyncio.wait([lost, asked, cancelled, fine])
        asked.exception()
        running = asyncio.create_task(asyncio.sleep(60))
        found = [list(lost_futures()), list(lost_futures())]
        running.cancel()
        return found

    list(lost_futures())  # what other tests have left
    first, second = asyncio.run(main())
    assert first == ["task lost-one raised ValueError: lost, and nobody awaited it"]
    assert second == []


def test_a_future_that_nobody_awaited_is_lost_once() -> None:
    async def main() -> list[list[str]]:
        lost = asyncio.gather(fails())
        asked = asyncio.get_running_loop().run_in_executor(None, int, "x")
        await asyncio.wait([lost, asked])
        asked.exception()
        return [list(lost_futures()), list(lost_futures())]

    list(lost_futures())
    first, second = asyncio.run(main())
    assert first == ["a future raised ValueError: lost, and nobody awaited it"]
    assert second == []


def test_a_future_that_does_not_tell_is_not_blamed() -> None:
    class Foreign(asyncio.Future[None]):
        _log_traceback = False

    loop = asyncio.new_event_loop()
    foreign = Foreign(loop=loop)
    foreign.set_exception(ValueError("x"))
    list(lost_futures())
    assert list(lost_futures()) == []
    foreign.exception()
    loop.close()
