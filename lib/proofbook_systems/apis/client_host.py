"""Host a client under test in a process of its own: one JSON object a line, in and out.

    python client_host.py package.module:function
    python client_host.py /path/to/driver.py:function

The function takes one request, a dict, and returns a text, a dict, or an iterator of texts; it may
be async. A dict that an iterator yields, or a generator returns, adds to the last line. Requests
run at the same time: plain functions in threads, async ones in one loop. No key is ever printed.

This file needs the standard library alone, and runs in any Python from 3.9 on.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

__all__ = ["Host", "Request", "load", "main"]

_LONGEST_MESSAGE = 600
_MOST_CAUSES = 5
_SHORTEST_KEY = 4
_HIDDEN = "[key]"
_PAUSE = 0.02


class Request:
    """One request that runs, and the lines that it gives."""

    def __init__(self, document: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> None:
        self.document = document
        self.id = document.get("id")
        self.cancelled = False
        self.in_thread = False
        self.task: asyncio.Task[None] | None = None
        self._emit = emit
        self._started = time.monotonic()
        self._parts: list[str] = []
        self._more: dict[str, Any] = {}
        self._ended = False
        self._lock = threading.Lock()
        key = document.get("api_key")
        self._key = key if isinstance(key, str) and len(key) >= _SHORTEST_KEY else ""

    def take(self, item: Any) -> None:
        """Take what an iterator yields: a text is told at once, a dict adds to the last line."""
        if isinstance(item, dict):
            self._more.update(item)
        elif isinstance(item, str):
            self._parts.append(item)
            self._send({"event": "delta", "text": self._hide(item), "at": time.monotonic()})
        else:
            raise TypeError(f"the client yields {type(item).__name__}, and not str or dict")

    def finish(self, result: Any = None) -> None:
        """Tell that the request is done."""
        more = dict(self._more)
        if isinstance(result, dict):
            more.update(result)
        elif not (result is None or isinstance(result, str)):
            raise TypeError(f"the client returns {type(result).__name__}, and not str or dict")
        text = result if isinstance(result, str) else "".join(self._parts)
        last: dict[str, Any] = {"text": text, "usage": None, **more}
        self._end({**_plain(last), "event": "done"})

    def fail(self, error: BaseException) -> None:
        """Tell that the request has failed, and how."""
        message = _one_line(str(error)) or type(error).__name__
        causes = _causes(error)
        shown = " ".join([message, repr(error), *causes])
        self._end(
            {
                "event": "error",
                "kind": type(error).__name__,
                "message": message,
                "status": _status(error),
                "causes": causes,
                "key_in_message": bool(self._key) and self._key in shown,
            }
        )

    def cancel(self) -> None:
        """Tell that the request was cancelled; what it still gives is dropped.

        A plain function has no means to be cancelled: its thread goes on, and that is told.
        """
        line = {
            "event": "error",
            "kind": "Cancelled",
            "message": "cancelled",
            "status": None,
            "goes_on": self.in_thread,
        }
        self._end(line)

    def _end(self, line: dict[str, Any]) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
        seconds = time.monotonic() - self._started
        self._emit(self._hide({"id": self.id, **line, "seconds": seconds}))

    def _send(self, line: dict[str, Any]) -> None:
        if not self._ended:
            self._emit({"id": self.id, **line})

    def _hide(self, value: Any) -> Any:
        if not self._key:
            return value
        if isinstance(value, str):
            return value.replace(self._key, _HIDDEN)
        if isinstance(value, dict):
            return {name: self._hide(each) for name, each in value.items()}
        return [self._hide(each) for each in value] if isinstance(value, list) else value


class Host:
    """Runs requests against one client."""

    def __init__(self, client: Callable[..., Any], out: TextIO) -> None:
        self._client, self._out = client, out
        self._is_async = inspect.iscoroutinefunction(client) or inspect.isasyncgenfunction(client)
        self._lock = threading.Lock()
        self._open: dict[Any, Request] = {}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def emit(self, line: dict[str, Any]) -> None:
        """Write one line."""
        text = json.dumps(line)
        with self._lock:
            self._out.write(text + "\n")
            self._out.flush()
        if line.get("event") in ("done", "error"):
            self._open.pop(line.get("id"), None)

    def take(self, document: dict[str, Any]) -> None:
        """Start a request, or cancel one."""
        if document.get("action") == "cancel":
            self._cancel(document.get("target"))
            return
        request = Request(document, self.emit)
        self._open[request.id] = request
        if self._is_async:
            self._loop.call_soon_threadsafe(self._start, request)
        else:
            self._run_in_thread(request, lambda: self._client(dict(request.document)))

    def wait(self) -> None:
        """Wait until no request is open."""
        while self._open:
            time.sleep(_PAUSE)

    def _cancel(self, target: Any) -> None:
        request = self._open.get(target)
        if request is None:
            return
        request.cancelled = True
        if not request.in_thread:
            self._loop.call_soon_threadsafe(self._cancel_task, request)
        else:
            request.cancel()  # a thread cannot be ended: its iterator is closed at its next text

    @staticmethod
    def _cancel_task(request: Request) -> None:
        if request.task is not None:
            request.task.cancel()

    def _start(self, request: Request, result: Any = None) -> None:
        request.task = self._loop.create_task(self._await(request, result))
        # A task that is cancelled before its first step runs no handler of its own.
        request.task.add_done_callback(lambda task: request.cancel() if task.cancelled() else None)

    def _run_in_thread(self, request: Request, function: Callable[[], Any]) -> None:
        request.in_thread = True
        threading.Thread(target=self._run, args=(request, function), daemon=True).start()

    def _run(self, request: Request, function: Callable[[], Any]) -> None:
        """Run a plain function; what it returns may still be async."""
        try:
            result = function()
            if inspect.isawaitable(result) or hasattr(result, "__aiter__"):
                request.in_thread = False
                self._loop.call_soon_threadsafe(self._start, request, result)
                return
            if hasattr(result, "__next__"):
                result = self._iterate(request, result)
            request.finish(result)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is told to whoever asked
            request.fail(error)

    @staticmethod
    def _iterate(request: Request, iterator: Any) -> Any:
        while True:
            try:
                request.take(next(iterator))
            except StopIteration as stop:
                return stop.value
            if request.cancelled:
                close = getattr(iterator, "close", None)
                if close is not None:
                    close()
                return None

    async def _await(self, request: Request, result: Any) -> None:
        try:
            if result is None:
                result = self._client(dict(request.document))
            if inspect.isawaitable(result):
                result = await result
            if hasattr(result, "__aiter__"):
                await self._iterate_async(request, result)
                result = None
            elif hasattr(result, "__next__"):
                iterator = result
                self._run_in_thread(request, lambda: iterator)
                return
            request.finish(result)
        except asyncio.CancelledError:
            request.cancel()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is told to whoever asked
            request.fail(error)

    @staticmethod
    async def _iterate_async(request: Request, iterator: Any) -> None:
        try:
            async for item in iterator:
                request.take(item)
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()


def load(target: str) -> Callable[..., Any]:
    """Return the function that ``target`` names.

    Raises:
        ValueError: It names none.
    """
    place, _, name = target.rpartition(":")
    if not place or not name:
        raise ValueError(f"{target!r} is neither module:function nor file.py:function")
    # The first entry is this file's folder, whose modules are no business of the client.
    if place.endswith(".py"):
        path = Path(place).resolve()
        sys.path[0] = str(path.parent)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.exists():
            raise ValueError(f"{place} is not a file of Python")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    else:
        sys.path[0] = str(Path.cwd())
        module = importlib.import_module(place)
    function = getattr(module, name, None)
    if not callable(function):
        raise ValueError(f"{place} has no function {name!r}")
    return function  # type: ignore[no-any-return]  # whatever is callable


def main(target: str) -> int:
    """Host the client that ``target`` names until the input ends."""
    # What a client prints must not be taken for a line of ours.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    try:
        client = load(target)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a client's module raises anything
        line = {"event": "failed", "message": f"{type(error).__name__}: {_one_line(str(error))}"}
        out.write(json.dumps(line) + "\n")
        out.flush()
        return 1
    host = Host(client, out)
    host.emit({"event": "ready"})
    for text in sys.stdin:
        if text.strip():
            host.take(json.loads(text))
    host.wait()
    return 0


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_MESSAGE]


def _causes(error: BaseException) -> list[str]:
    found: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(found) < _MOST_CAUSES:
        found.append(f"{type(cause).__name__}: {_one_line(str(cause))}")
        cause = cause.__cause__ or cause.__context__
    return found


def _status(error: BaseException) -> int | None:
    """Return the HTTP status that an exception has, under the names that libraries give it."""
    response = getattr(error, "response", None)
    places: tuple[tuple[Any, str], ...] = (
        (error, "status_code"),
        (error, "status"),
        (response, "status_code"),
        (response, "status"),
        (error, "code"),
    )
    for holder, name in places:
        value = getattr(holder, name, None)
        if isinstance(value, int) and 100 <= value <= 599:
            return value
    return None


def _plain(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line as JSON takes it; what JSON does not know is told as text."""
    plain: dict[str, Any] = json.loads(json.dumps(line, default=str))
    return plain


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stderr.flush()
    os._exit(code)  # threads of requests that nobody waits for must not keep it
