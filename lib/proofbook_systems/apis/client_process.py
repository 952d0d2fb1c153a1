"""A client under test in a process of its own: many requests in flight, each with its outcome.

    with ClientProcess(find_client("driver.py:run"), log=log) as client:
        outcome = client.send({"action": "chat", …}).wait(30.0)

The client is judged from outside: what it gave, when, and how it ended. Its death is an outcome.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from proofbook.errors import SubjectError
from proofbook.processes import Supervised, TemporaryFolder, remove_abandoned, supervise
from proofbook_systems.apis.clients import ClientCommand
from proofbook_systems.apis.outcomes import Outcome, Sent

__all__ = ["ClientProcess"]

_PREFIX = "proofbook-client-"
_CONNECT = (
    "import os, sys\n"
    "for target, path, flags in ((0, sys.argv[1], os.O_RDONLY), (1, sys.argv[2], os.O_WRONLY)):\n"
    "    os.dup2(os.open(path, flags), target)\n"
    "os.execvp(sys.argv[3], sys.argv[3:])\n"
)
"""Becomes the client, with its standard input and output connected to two FIFOs: the owner of a
program hands it no standard input."""
_READY_SECONDS = 120.0
_GRACE = 2.0
_WRITE_SECONDS = 10.0
_LOCAL = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
"""A proxy in the environment must not stand between a client and a server on this machine."""


class ClientProcess:
    """A client that runs. Leaving its context ends it, with all that it has started."""

    def __init__(
        self, command: ClientCommand, *, log: Path, environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:  # fmt: skip
        self.command, self.log = command, log
        self.noise: list[str] = []
        """Lines that it has printed and that are none of ours."""
        self._environment = {**os.environ, **_LOCAL, **(environment or {})}
        self._cwd = cwd
        self._numbers = itertools.count(1)
        self._sent: dict[int, Sent] = {}
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._failure = ""
        self._program: Supervised | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start it, and wait until it can take requests.

        Raises:
            SubjectError: It cannot be started, or its function cannot be loaded.
        """
        if not hasattr(os, "mkfifo"):
            raise SubjectError("a client under test needs a system with FIFOs, such as Linux")
        remove_abandoned(_PREFIX)
        self._folder = TemporaryFolder(_PREFIX)
        self._make_pipes()
        trampoline = [sys.executable, "-I", "-S", "-c", _CONNECT]
        pipes = [str(self._folder.path / name) for name in ("in", "out")]
        try:
            self._program = supervise(
                [*trampoline, *pipes, *self.command.words], log=self.log, cwd=self._cwd,
                name=f"the client {self.command.name}", env=self._environment,
                folders=[self._folder.path],
            )  # fmt: skip
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()
            self._wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._program is not None and self._program.running

    def send(self, request: Mapping[str, Any]) -> Sent:
        """Send a request, without an id, and return what follows it."""
        number = next(self._numbers)
        sent = Sent(number, str(request.get("api_key", "")))
        with self._lock:
            self._sent[number] = sent
        self._write({"id": number, **request}, sent)
        return sent

    def ask(self, request: Mapping[str, Any], timeout: float) -> Outcome:
        """Send a request and wait for its outcome, at most ``timeout`` seconds."""
        return self.send(request).wait(timeout)

    def cancel(self, sent: Sent) -> None:
        """Ask the client to cancel a request."""
        self._write({"id": next(self._numbers), "action": "cancel", "target": sent.id}, None)

    def stop(self) -> None:
        """End it; requests that are open are lost."""
        if self._program is not None:
            with contextlib.suppress(OSError):
                os.close(self._in)
            self._program.stop(_GRACE)
            self._reader.join(_GRACE + 5)
            self._lose("the client was stopped")
            os.close(self._out)
            self._program = None
        self._folder.remove()

    def _make_pipes(self) -> None:
        for name in ("in", "out"):
            os.mkfifo(self._folder.path / name)
        # fifo(7): opened for reading and writing, a FIFO blocks nobody and needs no other end. So
        # the client can open its input at once, and its output once a reader is there.
        self._in = os.open(self._folder.path / "in", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._out = os.open(self._folder.path / "out", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def _write(self, line: Mapping[str, Any], sent: Sent | None) -> None:
        data = json.dumps(line).encode() + b"\n"
        deadline = time.monotonic() + _WRITE_SECONDS
        with self._lock:
            while data and self.running and time.monotonic() < deadline:
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(self._in, data) :]
                if data:
                    select.select([], [self._in], [], 0.1)
        if data and sent is not None:
            how = "takes no request" if self.running else self._death()
            sent.lose(f"the client {how}")

    def _read(self) -> None:
        poller = select.poll()
        poller.register(self._out, select.POLLIN)
        rest = b""
        while True:
            poller.poll(100)
            try:
                data = os.read(self._out, 1 << 16)
            except BlockingIOError:
                continue
            if not data:
                if not self.running:
                    break
                time.sleep(0.01)  # it has not opened its end yet, or has closed it
                continue
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._take(line)
        self._lose(f"the client {self._death()}")
        self._ready.set()

    def _take(self, line: bytes) -> None:
        try:
            document = json.loads(line)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            if line.strip():
                self.noise.append(line.decode(errors="replace")[:200])
            return
        event = document.get("event")
        if event in ("ready", "failed"):
            self._failure = str(document.get("message", "")) if event == "failed" else ""
            self._ready.set()
            return
        with self._lock:
            sent = self._sent.get(document.get("id", -1))
        if sent is None or not sent.take(document):
            self.noise.append(line.decode(errors="replace")[:200])

    def _wait_ready(self) -> None:
        if not self.command.is_hosted:
            return
        if not self._ready.wait(_READY_SECONDS):
            raise SubjectError(f"{self.command.name} is not loaded after {_READY_SECONDS:g} s")
        if self._failure:
            raise SubjectError(f"{self.command.name} cannot be loaded: {self._failure}")
        if not self.running:
            raise SubjectError(f"{self.command.name} {self._death()}")

    def _death(self) -> str:
        assert self._program is not None
        last = [line for line in self._program.tail(5).splitlines() if line.strip()][-1:]
        return f"{self._program.state}{f': {last[0].strip()[:200]}' if last else ''}"

    def _lose(self, why: str) -> None:
        with self._lock:
            waiting = list(self._sent.values())
        for sent in waiting:
            sent.lose(why)
