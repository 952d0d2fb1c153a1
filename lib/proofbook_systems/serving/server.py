"""One server under test: start it, wait until it is healthy, start it again, end it.

Its data and its temporary files are in a folder that goes with it, however this process ends.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from proofbook.errors import SubjectError
from proofbook.processes import Ending, Supervised, TemporaryFolder, remove_abandoned, supervise
from proofbook_systems.serving.client import JsonClient, ServerError
from proofbook_systems.serving.launch import Launch
from proofbook_systems.serving.ports import HOST, choose_port, is_free

__all__ = ["Server"]

_PAUSE = 0.05
_TAIL = 5
_ATTEMPTS = 3


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
        return (self.launch.keep_data or self.folder / "data").resolve()

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
        for attempt in range(1, _ATTEMPTS + 1):
            self.port = choose_port(self.launch.port)
            try:
                self.starts.append(self._start())
            except SubjectError:
                # Someone else may have taken a port that was free a moment ago.
                if self.launch.port or attempt == _ATTEMPTS or is_free(self.port):
                    self.stop()
                    raise
                self._end()
            else:
                break
        return self.starts[-1]

    def restart(self, why: str) -> None:
        """End it, and start it again on the same data.

        Raises:
            SubjectError: It does not come back.
        """
        self.restarts.append(why)
        self._end()
        self.start()

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

    def processes(self) -> list[psutil.Process]:
        """Return its process and all that descend from it."""
        try:
            root = psutil.Process(self.program.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

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

    def _start(self) -> float:
        for folder in (self.data, self.folder / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        self._program = supervise(
            self.command(self.data), log=self.launch.log, name=self.launch.name,
            cwd=self.folder, env=self.environment(), folders=[self.folder],
        )  # fmt: skip
        self._wait_healthy(started + self.launch.timeout_health)
        return time.monotonic() - started

    def _wait_healthy(self, deadline: float) -> None:
        fault = "it was not asked"
        with JsonClient(self.url) as client:
            while time.monotonic() < deadline:
                if how := self.exited():
                    raise SubjectError(f"{how} before it was healthy: {self._last_lines()}")
                if not (fault := _ask(self.launch, client)):
                    return
                time.sleep(_PAUSE)
        raise SubjectError(
            f"the server is not healthy after {self.launch.timeout_health:g} s: {fault}; "
            f"see {self.launch.log}"
        )

    def _last_lines(self) -> str:
        lines = [line.strip() for line in self.program.tail(_TAIL).splitlines() if line.strip()]
        return " / ".join(lines)[-500:] or "it printed nothing"

    def _end(self) -> Ending:
        if self._program is None:
            return Ending("exited", None, ())
        return self._program.stop(self.launch.grace)


def _ask(launch: Launch, client: JsonClient) -> str:
    try:
        return launch.health.find_fault(client)
    except ServerError as error:
        return str(error)
