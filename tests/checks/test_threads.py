"""The threads that Python would wait for are waited for, for a while, and no others."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import IPython.core.getipython
import pytest
from IPython.core.events import EventManager, available_events
from waiting import HANG

from proofbook.checks import cells
from proofbook.checks.cells import after_this_cell
from proofbook.checks.threads import wait_for_threads


@pytest.fixture
def go_on() -> Iterator[threading.Event]:
    """Lets the threads end that a test has begun."""
    event = threading.Event()
    yield event
    event.set()


def begin(target: Callable[[], object], *, daemon: bool = False) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=daemon)
    thread.start()
    return thread


def frozen() -> float:
    """A clock that stands still: whoever waits, waits for the threads alone."""
    return 0.0


def test_a_thread_and_what_it_starts_are_waited_for(go_on: threading.Event) -> None:
    started: list[threading.Thread] = []

    def first() -> None:
        go_on.wait(HANG)
        started.append(begin(lambda: None))

    begin(first)
    threading.Timer(0.01, go_on.set).start()
    wait_for_threads(HANG, frozen)
    assert [thread.is_alive() for thread in started] == [False]


def test_a_daemon_thread_is_not_waited_for(go_on: threading.Event) -> None:
    thread = begin(lambda: go_on.wait(HANG), daemon=True)
    wait_for_threads(HANG, frozen)
    assert thread.is_alive()


def test_the_threads_of_pools_are_not_waited_for(go_on: threading.Event) -> None:
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(1))
        running = pool.submit(go_on.wait, HANG)
        fork = multiprocessing.get_context("fork")
        other = stack.enter_context(concurrent.futures.ProcessPoolExecutor(1, fork))
        assert other.submit(abs, -1).result(HANG) == 1
        wait_for_threads(HANG, frozen)
        assert not running.done()
        go_on.set()


def test_no_module_of_pools_need_be_there(
    monkeypatch: pytest.MonkeyPatch, go_on: threading.Event
) -> None:
    monkeypatch.delitem(sys.modules, "concurrent.futures.thread")
    monkeypatch.setitem(sys.modules, "concurrent.futures.process", SimpleNamespace())  # type: ignore[arg-type]
    wait_for_threads(HANG, frozen)


def test_who_does_not_end_is_left_after_a_while(go_on: threading.Event) -> None:
    times = iter([10.0, 10.5, 12.0])
    thread = begin(lambda: go_on.wait(HANG))
    waited: list[float | None] = []
    thread.join = waited.append  # type: ignore[assignment, method-assign]
    wait_for_threads(2.0, lambda: next(times))
    assert waited == [1.5]
    assert thread.is_alive()


class Cell:
    """A shell whose cell ends when it is told so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: Any = EventManager(self, available_events)  # type: ignore[no-untyped-call]
        shell = SimpleNamespace(kernel=SimpleNamespace(shell=self))
        monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: shell)

    def showtraceback(self) -> None:
        """Do nothing: what is shown is not looked at."""


def test_a_cell_ends_with_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    cell, order = Cell(monkeypatch), list[str]()
    monkeypatch.setattr(cells, "wait_for_threads", lambda: order.append("threads"))
    after_this_cell(lambda: order.append("end"), lambda: order.append("idle"))
    assert order == []
    for _ in range(2):
        cell.events.trigger("post_run_cell", None)
    assert order == ["threads", "end", "idle"]


def test_a_cell_that_is_interrupted_as_it_waits_has_ended_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    cell, order = Cell(monkeypatch), list[str]()
    monkeypatch.setattr(cells, "wait_for_threads", interrupt)
    after_this_cell(lambda: order.append("end"), lambda: order.append("idle"))
    cell.events.trigger("post_run_cell", None)
    assert order == ["end"]


def test_outside_of_a_kernel_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "wait_for_threads", pytest.fail)
    order = list[str]()
    after_this_cell(lambda: order.append("end"), lambda: order.append("idle"))
    assert order == ["end", "idle"]
