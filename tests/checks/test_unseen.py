"""Whoever watches is told of exceptions that Python only prints, and what Python prints stays."""

from __future__ import annotations

import _thread
import asyncio
import gc
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import IPython.core.getipython
import pytest
from IPython.core.error import UsageError

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
    monkeypatch.setattr(warnings, "showwarning", lambda *args: seen.append(args))
    return seen


@pytest.fixture
def notes(printed: list[Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Notes]:
    """A watcher in a process in which nobody has watched before."""
    monkeypatch.setattr(unseen, "_installed", False)
    logger = logging.getLogger("asyncio")
    monkeypatch.setattr(logger, "filters", [])
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


def test_a_thread_that_exits_is_not_told_of(notes: Notes, printed: list[Any]) -> None:
    threading.excepthook(threading.ExceptHookArgs((SystemExit, SystemExit(), None, None)))
    assert notes.lines == []
    assert len(printed) == 1


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


def test_a_log_without_an_exception_is_nobodys_fault(
    notes: Notes, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("asyncio").warning("slow callback")
    logging.getLogger("another").error("x", exc_info=ValueError("elsewhere"))
    assert notes.lines == []
    assert len(caplog.records) == 2


async def _fails() -> None:
    raise ValueError("lost")


def test_a_task_that_nobody_awaited_is_lost_once() -> None:
    async def main() -> list[list[str]]:
        lost = asyncio.create_task(_fails(), name="lost-one")
        asked = asyncio.create_task(_fails())
        cancelled = asyncio.create_task(asyncio.sleep(60))
        fine = asyncio.create_task(asyncio.sleep(0))
        cancelled.cancel()
        await asyncio.wait([lost, asked, cancelled, fine])
        asked.exception()
        running = asyncio.create_task(asyncio.sleep(60))
        found = [list(unseen.lost_tasks()), list(unseen.lost_tasks())]
        running.cancel()
        return found

    list(unseen.lost_tasks())  # what other tests have left
    first, second = asyncio.run(main())
    assert first == ["task lost-one raised ValueError: lost, and nobody awaited it"]
    assert second == []


def test_an_exception_is_told_with_its_notes() -> None:
    error = ValueError("too short\nby two")
    assert unseen.describe(error) == "ValueError: too short by two"
    error.add_note("while reading\nrow 3")
    assert unseen.describe(error) == "ValueError: too short by two while reading row 3"
    with pytest.raises(SyntaxError) as caught:
        compile("a b", "x.py", "exec")
    assert unseen.describe(caught.value) == "SyntaxError: invalid syntax"


@pytest.mark.parametrize("version", [sys.version_info[:2], (3, 14)])
def test_tasks_that_have_ended_are_known(
    version: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> tuple[list[Any], Any]:
        ended = asyncio.create_task(asyncio.sleep(0))
        await ended
        monkeypatch.setattr(gc, "get_objects", lambda: [object(), ended])
        return unseen._known_tasks(), ended

    monkeypatch.setattr(unseen, "sys", SimpleNamespace(version_info=version))
    known, ended = asyncio.run(main())
    assert ended in known
    assert all(isinstance(each, asyncio.Task) for each in known)


def test_a_task_that_does_not_tell_is_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Foreign:
        done, cancelled = staticmethod(lambda: True), staticmethod(lambda: False)
        exception = staticmethod(lambda: ValueError("x"))
        get_name = staticmethod(lambda: "foreign")

    monkeypatch.setattr(unseen, "_known_tasks", lambda: [Foreign()])
    assert list(unseen.lost_tasks()) == []


@pytest.mark.parametrize(
    ("error", "shown"),
    [(ExceptionGroup("two", [ValueError("x")]), 1), (UsageError("no magic"), 1),
     (ValueError("x"), 0)],
    ids=["group", "misused magic", "ordinary"],
)  # fmt: skip
def test_what_a_shell_only_prints_is_shown_as_an_exception(
    error: Exception, shown: int, monkeypatch: pytest.MonkeyPatch, printed: list[Any]
) -> None:
    calls: list[Any] = []
    shell = SimpleNamespace(
        showtraceback=lambda *args, **kwargs: calls.append(args),
        _showtraceback=lambda kind, value, lines: calls.append((kind, value, lines)),
    )
    monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: shell)
    monkeypatch.setattr(unseen, "_installed", False)
    monkeypatch.setattr(logging.getLogger("asyncio"), "filters", [])
    unseen.watch(Notes())
    try:
        raise error
    except (ExceptionGroup, UsageError, ValueError):
        shell.showtraceback(sys.exc_info())
        shell.showtraceback()
    assert len(calls) == 2 + 2 * shown
    if shown:
        kind, value, lines = calls[1]
        assert (kind, value) == (type(error), error)
        assert type(error).__name__ in lines[-1]


def test_a_shell_is_asked_to_show_in_the_callers_way(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    shell = SimpleNamespace(showtraceback=lambda *args, **kwargs: calls.append((args, kwargs)))
    monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: shell)
    unseen._show_all()
    given = (ValueError, ValueError("x"), None)
    shell.showtraceback(given, "file.py", tb_offset=1)
    assert calls == [((given, "file.py"), {"tb_offset": 1})]


def test_a_group_is_found_behind_others_and_a_circle_of_causes_ends() -> None:
    outer, middle = ValueError("outer"), KeyError("middle")
    outer.__cause__, middle.__context__ = middle, ExceptionGroup("two", [ValueError("x")])
    assert unseen._has_group(outer)
    middle.__context__ = outer
    assert not unseen._has_group(outer)


def test_an_exception_is_one_line_of_400_characters_at_most() -> None:
    assert unseen.describe(ValueError("a\n  b")) == "ValueError: a b"
    assert len(unseen.describe(ValueError("x" * 1000))) == 400
