"""Whoever watches is told of exceptions that Python only prints, and what Python prints stays."""

from __future__ import annotations

import _thread
import asyncio
import ctypes
import gc
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest

from proofbook.checks import unseen


class Notes:
    """Takes what a watcher is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note_fault(self, what: str) -> None:
        self.lines.append(what)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What Python's own hook is given."""
    seen: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    monkeypatch.setattr(warnings, "_warn_unawaited_coroutine", lambda _: None)
    return seen


@pytest.fixture
def notes(printed: list[Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Notes]:
    """A watcher in a process in which nobody has watched before."""
    monkeypatch.setattr(unseen, "_installed", False)
    for name in ("asyncio", "autoreload", "concurrent.futures"):
        logger = logging.getLogger(name)
        monkeypatch.setattr(logger, "error", partial(logging.Logger.error, logger))
    notes = Notes()
    unseen.watch(notes)
    yield notes
    unseen.unwatch(notes)


def fail_in_thread(error: BaseException, name: str = "loader") -> None:
    def target() -> None:
        raise error

    thread = threading.Thread(target=target, name=name)
    thread.start()
    thread.join()


def test_a_thread_is_told_of_and_still_printed(notes: Notes, printed: list[Any]) -> None:
    fail_in_thread(ValueError("no\nfile"))
    assert notes.lines == ["thread loader raised ValueError: no file"]
    assert [type(args.exc_value) for args in printed] == [ValueError]


@pytest.mark.parametrize("code", [None, 0])
def test_a_thread_that_exits_well_is_not_told_of(
    code: int | None, notes: Notes, printed: list[Any]
) -> None:
    fail_in_thread(SystemExit(code))
    threading.excepthook(threading.ExceptHookArgs((ValueError, None, None, None)))
    assert notes.lines == []
    assert len(printed) == 2


@pytest.mark.parametrize("code", [1, "no model", False])
def test_a_thread_that_exits_with_a_failure_is_told_of(code: Any, notes: Notes) -> None:
    fail_in_thread(SystemExit(code))
    assert notes.lines == ([f"thread loader raised SystemExit: {code}"] if code else [])


def test_a_thread_without_an_object_is_told_of_and_still_printed(
    notes: Notes, printed: list[Any]
) -> None:
    ended = threading.Event()
    monkeypatched = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        monkeypatched(unraisable)
        ended.set()

    sys.unraisablehook = hook
    _thread.start_new_thread(lambda: 1 / 0, ())
    assert ended.wait(30)
    assert notes.lines == ["a thread raised ZeroDivisionError: division by zero"]
    assert [type(args.exc_value) for args in printed] == [ZeroDivisionError]


def test_what_a_finaliser_raises_is_printed_alone(notes: Notes, printed: list[Any]) -> None:
    class Careless:
        def __del__(self) -> None:
            raise ValueError("at the end")

    Careless()
    gc.collect()
    assert notes.lines == []
    assert [type(args.exc_value) for args in printed] == [ValueError]


def test_what_a_callback_from_c_raises_is_told_of(notes: Notes, printed: list[Any]) -> None:
    callback = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 1 // 0)
    callback()
    assert notes.lines == [
        "a callback from C raised ZeroDivisionError: integer division or modulo by zero"
    ]
    assert [type(args.exc_value) for args in printed] == [ZeroDivisionError]


def test_what_a_cell_throws_away_and_a_shell_keeps_is_told_of(
    printed: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tellers: list[Any] = []
    monkeypatch.setattr(unseen, "tell_of_thrown_away", tellers.append)
    monkeypatch.setattr(unseen, "show_all", tellers.append)
    monkeypatch.setattr(unseen, "_installed", False)
    for name in ("asyncio", "autoreload", "concurrent.futures"):
        monkeypatch.setattr(logging.getLogger(name), "error", lambda *_, **__: None)
    notes = Notes()
    unseen.watch(notes)
    for tell in tellers:
        tell("lost")
    assert notes.lines == ["lost", "lost"]


def test_hooks_are_installed_once_for_all_watchers(notes: Notes) -> None:
    other = Notes()
    unseen.watch(other)
    fail_in_thread(ValueError("x"))
    assert notes.lines == other.lines == ["thread loader raised ValueError: x"]
    unseen.unwatch(other)
    fail_in_thread(ValueError("y"))
    assert (len(notes.lines), len(other.lines)) == (2, 1)


def test_what_a_loop_only_logs_is_told_and_logged(
    notes: Notes, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())
    (line,) = notes.lines
    assert line.startswith("an event loop met ZeroDivisionError: division by zero: Exception in")
    assert "lambda" in line and "\n" not in line and "handle:" not in line
    assert [record.name for record in caplog.records] == ["asyncio"]


@pytest.mark.parametrize("silence", [logging.disable, logging.getLogger("asyncio").setLevel])
def test_what_a_loop_logs_is_told_though_logging_is_silenced(silence: Any, notes: Notes) -> None:
    silence(logging.CRITICAL)
    try:
        error = ValueError("x")
        logging.getLogger("asyncio").error("one\ntwo", exc_info=(ValueError, error, None))
    finally:
        silence(logging.NOTSET)
    assert notes.lines == ["an event loop met ValueError: x: one"]


def test_a_callback_of_a_pools_future_is_told_of(
    notes: Notes, caplog: pytest.LogCaptureFixture
) -> None:
    future: Future[int] = Future()
    future.add_done_callback(lambda _: 1 // 0)  # type: ignore[arg-type, return-value]
    future.set_result(1)
    failed: Future[int] = Future()
    failed.set_exception(ValueError("whoever asks for the result sees it"))
    assert notes.lines == [
        "a future met ZeroDivisionError: integer division or modulo by zero: exception calling "
        "callback"
    ]
    assert [record.name for record in caplog.records] == ["concurrent.futures"]


def test_a_module_that_is_not_reloaded_is_told_of(
    notes: Notes, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        raise SyntaxError("never closed")
    except SyntaxError:
        logging.getLogger("autoreload").exception("Failed to reload module 'sounds'")
    assert notes.lines == [
        "an old module stays in use, since autoreload met SyntaxError: never closed: "
        "Failed to reload module 'sounds'"
    ]
    assert [(record.name, record.filename) for record in caplog.records] == [
        ("autoreload", "test_unseen.py")
    ]
    assert caplog.records[0].exc_info is not None


def test_a_log_without_an_exception_is_nobodys_fault(
    notes: Notes, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("asyncio").warning("slow callback")
    logging.getLogger("asyncio").error("%d sockets", 3)
    logging.getLogger("asyncio").exception("nothing is being handled")
    logging.getLogger("another").error("x", exc_info=ValueError("elsewhere"))
    assert notes.lines == []
    assert [record.getMessage() for record in caplog.records] == [
        "slow callback", "3 sockets", "nothing is being handled", "x",
    ]  # fmt: skip
    assert {record.filename for record in caplog.records} == {"test_unseen.py"}
