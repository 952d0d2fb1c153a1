"""One server under test: start it, wait until it is healthy, start it again, end it.

Its data and its temporary files are in a folder that goes with it, however this process ends.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from proofbook import processes
from proofbook.errors import SubjectError
from proofbook.processes import Ending, Supervised, TemporaryFolder, remove_abandoned, supervise
from proofbook_systems.serving.client import JsonClient, ServerError
from proofbook_systems.serving.launch import Launch
from proofbook_systems.serving.log_tail import tail_without
from proofbook_systems.serving.ports import HOST, choose_port, has_old_connections, is_free

__all__ = ["Server"]

_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_PATIENCE = 0.05
"""Share of the time waited so far after which a server that starts is asked again: its log shows
each request."""
_TAIL = 5
_SEARCHED = 20
"""How many lines are read for each line that is wanted of a log."""
_ATTEMPTS = 3
_OLD_CONNECTIONS_SECONDS = 75.0
"""For which connections of a server that has died may keep its port; Linux has 60."""
_FREEZE_SECONDS = 5.0
_LINGER = 2.0
"""Seconds in which what a server has started may end after it, before it counts as left behind."""


class Server:
    """A server with its folder. Leaving its context ends both."""

    def __init__(self, launch: Launch) -> None:
        remove_abandoned(launch.folder_prefix)
        self.launch = launch
        self._folder = TemporaryFolder(launch.folder_prefix)
        self.folder = self._folder.path
        """Temporary; holds what the server unpacks, its own folders, and its data unless these are
        kept."""
        self.port = launch.port
        self.starts: list[float] = []
        """Seconds from launch to healthy, of each start."""
        self.restarts: list[str] = []
        """Why it was started again."""
        self.failed_restarts: list[str] = []
        """How a start on its own data failed."""
        self._data_folders = 1
        self._printed_before = 0
        """Bytes in the log of earlier starts."""
        self._program: Supervised | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"

    @property
    def data(self) -> Path:
        """The server's data folder."""
        first = self.launch.keep_data or self.folder / "data"
        number = f"-{self._data_folders}" if self._data_folders > 1 else ""
        return first.with_name(first.name + number).resolve()

    @property
    def polled(self) -> Sequence[str]:
        """Regular expressions of the paths that are asked for only to learn its state."""
        return (re.escape(self.launch.health.path),)

    @property
    def program(self) -> Supervised:
        """Its process."""
        assert self._program is not None, "start the server first"
        return self._program

    def start(self) -> float:
        """Start it, and return the seconds until it was healthy.

        Raises:
            SubjectError: It cannot be started, ends, or is not healthy in time; nothing is left.
        """
        try:
            return self._start_on_some_port()
        except SubjectError:
            self.stop()
            raise

    def restart(self, why: str) -> None:
        """End it, and start it again on the same data; where that fails, on none.

        Raises:
            SubjectError: It does not come back either way; another try may be made.
        """
        self.restarts.append(why)
        self._end()
        try:
            self._start_on_some_port()
        except SubjectError as error:
            self.failed_restarts.append(f"{why}: {error}")
            self._end()
            self._data_folders += 1
            self._start_on_some_port()

    def tail(self, lines: int = 100) -> str:
        """Return the last lines that it printed, without those on our questions for its state."""
        return tail_without(self.program.tail(_SEARCHED * lines), self.polled, lines)

    def exited(self) -> str:
        """Return how its process ended; empty while it runs."""
        return "" if self.program.running else f"the server {self.program.state}"

    def is_healthy(self) -> bool:
        """Say whether it runs and says that it is healthy."""
        return self.program.running and not self.find_fault()

    def find_fault(self) -> str:
        """Ask it for its health; return why it is not healthy, or nothing."""
        with JsonClient(self.url) as client:
            return _ask(self.launch, client)

    def find_freeze(self) -> str:
        """Return how it leaves a request for its health unanswered; empty where it answers it."""
        started, used = time.monotonic(), self._cpu_seconds()
        try:
            with JsonClient(self.url) as client:
                client.send("GET", self.launch.health.path, timeout=_FREEZE_SECONDS)
        except ServerError as error:
            waited, spent = time.monotonic() - started, self._cpu_seconds() - used
            return f"{error}; it computed {spent:.1f} s in {waited:.1f} s" if error.late else ""
        return ""

    @property
    def pids(self) -> list[int]:
        """Its process; none where it cannot be known."""
        return [self.program.pid]

    def await_end(self, seconds: float) -> bool:
        """Wait until its program has ended; return whether it has."""
        return self.program.wait(seconds)

    def processes(self) -> list[psutil.Process]:
        """Return its process and all that descend from it."""
        try:
            root = psutil.Process(self.program.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def disconnect(self) -> None:
        """Close what connects this process to it."""

    def stop(self) -> Ending:
        """End it, and remove its temporary folder."""
        ending = self._end()
        return ending._replace(left=(*ending.left, *self._folder.remove()))

    def command(self, data: Path) -> list[str]:
        """Return the command that starts it on its port, with data in ``data``."""
        return self.launch.fill(self.port, data)

    def environment(self) -> dict[str, str]:
        """Return the variables that it sees."""
        return self.launch.variables(self.folder)

    def _start_on_some_port(self) -> float:
        for attempt in range(1, _ATTEMPTS + 1):
            self.port = choose_port(self.launch.port, _OLD_CONNECTIONS_SECONDS)
            try:
                self.starts.append(self._start())
                break
            except SubjectError:
                self._end()
                if attempt == _ATTEMPTS or not self._may_get_port():
                    raise
        return self.starts[-1]

    def _may_get_port(self) -> bool:
        """Say whether a start that failed may have failed for its port, which can be had now."""
        if not self.launch.port:
            # Someone else may have taken a port that was free a moment ago.
            return not is_free(self.port)
        if not has_old_connections(self.port):
            return False
        deadline = time.monotonic() + _OLD_CONNECTIONS_SECONDS
        while has_old_connections(self.port) and time.monotonic() < deadline:
            time.sleep(_LONGEST_PAUSE)
        return True

    def _cpu_seconds(self) -> float:
        return processes.cpu_seconds(processes.process_tree(self.pids))

    def _start(self) -> float:
        for folder in (self.data, self.folder / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        log = self.launch.log
        self._printed_before = log.stat().st_size if log.exists() else 0
        started = time.monotonic()
        self._program = supervise(
            self.command(self.data), log=self.launch.log, name=self.launch.name,
            cwd=self.launch.folder or self.folder, env=self.environment(), folders=[self.folder],
            linger=_LINGER,
        )  # fmt: skip
        self._wait_healthy(started)
        return time.monotonic() - started

    def _wait_healthy(self, started: float) -> None:
        fault = "it was not asked"
        with JsonClient(self.url) as client:
            while (waited := time.monotonic() - started) < self.launch.timeout_health:
                if how := self.exited():
                    raise SubjectError(f"{how} before it was healthy: {self._last_lines()}")
                if not (fault := _ask(self.launch, client)):
                    return
                time.sleep(min(_LONGEST_PAUSE, max(_PAUSE, _PATIENCE * waited)))
        raise SubjectError(
            f"the server is not healthy after {self.launch.timeout_health:g} s: {fault}; "
            f"see {self.launch.log}"
        )

    def _last_lines(self) -> str:
        with self.launch.log.open("rb") as file:
            file.seek(self._printed_before)
            printed = file.read().decode(errors="replace")
        lines = [line.strip() for line in printed.splitlines() if line.strip()]
        return " / ".join(lines[-_TAIL:])[-500:] or "it printed nothing"

    def _end(self) -> Ending:
        self.disconnect()
        if self._program is None:
            return Ending("exited", None, ())
        return self._program.stop(self.launch.grace)


def _ask(launch: Launch, client: JsonClient) -> str:
    try:
        return launch.health.find_fault(client)
    except ServerError as error:
        return str(error)
