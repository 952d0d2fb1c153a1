"""One server under test: start it, wait until it is healthy, start it again, end it.

Its data and its temporary files lie in a folder that goes with it, however this process ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from proofbook.errors import SubjectError
from proofbook.processes import Ending, Supervised, TemporaryFolder, remove_abandoned, supervise
from proofbook_systems.ttsserver.client import ServerError, VoiceboxClient
from proofbook_systems.ttsserver.ports import HOST, choose_port, is_free

__all__ = ["Launch", "Server"]

_PREFIX = "voicebox-e2e-"
_PAUSE = 0.05
_GRACE = 10.0
_TAIL = 5
_ATTEMPTS = 3
_MODEL_FOLDERS = ("VOICEBOX_MODELS_DIR", "HF_HUB_CACHE")


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a server is started."""

    binary: Path
    log: Path
    """Everything that it prints, over all its starts."""
    timeout_health: float
    """Seconds from launch to healthy."""
    port: int = 0
    """0 picks a free one."""
    keep_data: Path | None = None
    """Where the server's data stay; None is a folder that goes with the server."""
    isolated_cache: bool = False
    """Whether it starts without any model."""
    environment: Mapping[str, str]
    """Variables beyond this process's."""
    parent: int = 0
    """Process that the server is told to die with; 0 is this one."""


class Server:
    """A server with its folder. Leaving its context ends both."""

    def __init__(self, launch: Launch) -> None:
        remove_abandoned(_PREFIX)
        self.launch = launch
        self._folder = TemporaryFolder(_PREFIX)
        self.folder = self._folder.path
        """Temporary; holds what the server unpacks, its data unless they are kept, its models if
        they are isolated."""
        self.port = launch.port
        self.starts: list[float] = []
        """Seconds from launch to healthy, of each start."""
        self.restarts: list[str] = []
        """Why it was started again."""
        self._program: Supervised | None = None
        self._client: VoiceboxClient | None = None

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
    def data(self) -> Path:
        """The server's data folder."""
        return (self.launch.keep_data or self.folder / "data").resolve()

    @property
    def client(self) -> VoiceboxClient:
        """The connection to it."""
        assert self._client is not None, "start the server first"
        return self._client

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
        try:
            return self.program.running and self.client.health().status == "healthy"
        except ServerError:
            return False

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

    def command(self, port: int, data: Path) -> list[str]:
        """Return the command that starts it."""
        parent = self.launch.parent or os.getpid()
        return [
            str(self.launch.binary), "--host", HOST, "--port", str(port),
            "--data-dir", str(data), "--parent-pid", str(parent),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Return the variables that it sees."""
        # A frozen program unpacks itself there, and leaves that behind if it is killed.
        variables = {name: str(self.folder / "tmp") for name in ("TMPDIR", "TMP", "TEMP")}
        if self.launch.isolated_cache:
            variables |= {name: str(self.folder / "models") for name in _MODEL_FOLDERS}
        return {**os.environ, **variables, **self.launch.environment}

    def _start(self) -> float:
        for folder in (self.data, self.folder / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        self._program = supervise(
            self.command(self.port, self.data),
            log=self.launch.log, name=f"the server {self.launch.binary}",
            cwd=self.folder, env=self.environment(), folders=[self.folder],
        )  # fmt: skip
        self._client = VoiceboxClient(f"http://{HOST}:{self.port}")
        self._wait_healthy(started + self.launch.timeout_health)
        return time.monotonic() - started

    def _wait_healthy(self, deadline: float) -> None:
        last = "it was not asked"
        while time.monotonic() < deadline:
            if how := self.exited():
                raise SubjectError(f"{how} before it was healthy: {self._last_words()}")
            try:
                status = self.client.health().status
                if status == "healthy":
                    return
                last = f"GET /health says {status!r}"
            except ServerError as error:
                last = str(error)
            time.sleep(_PAUSE)
        raise SubjectError(
            f"the server is not healthy after {self.launch.timeout_health:g} s: {last}; "
            f"see {self.launch.log}"
        )

    def _last_words(self) -> str:
        lines = [line.strip() for line in self.program.tail(_TAIL).splitlines() if line.strip()]
        return " / ".join(lines)[-500:] or "it said nothing"

    def _end(self) -> Ending:
        if self._client is not None:
            self._client.close()
        if self._program is None:
            return Ending("exited", None, ())
        return self._program.stop(_GRACE)
