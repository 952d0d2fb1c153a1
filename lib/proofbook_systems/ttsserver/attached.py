"""A speech server that runs already, at an address: nobody here starts it, sees it, or ends it."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import psutil

from proofbook.errors import SubjectError
from proofbook.processes import Ending
from proofbook_systems.serving.launch import Launch
from proofbook_systems.ttsserver.contract_files import Contract
from proofbook_systems.ttsserver.server import SpeechServer

__all__ = ["AttachedServer", "choose_server"]

_PAUSE = 0.2


class AttachedServer(SpeechServer):
    """The server at ``url``; a start only waits until it is healthy."""

    def __init__(self, url: str, launch: Launch, contract: Contract) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SubjectError(f"url {url!r} is no address; give one as http://127.0.0.1:8880")
        super().__init__(launch, contract)
        self._url = url.rstrip("/")
        self.port = parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def url(self) -> str:
        """Its address."""
        return self._url

    @property
    def pids(self) -> list[int]:
        """None: it may run on another machine."""
        return []

    def start(self) -> float:
        """Wait until it is healthy, and return the seconds that took.

        Raises:
            SubjectError: It is not healthy in time.
        """
        started = time.monotonic()
        while fault := self.find_fault():
            if time.monotonic() - started > self.launch.timeout_health:
                raise SubjectError(
                    f"the server at {self.url} is not healthy after "
                    f"{self.launch.timeout_health:g} s: {fault}"
                )
            time.sleep(_PAUSE)
        self.starts.append(time.monotonic() - started)
        return self.starts[-1]

    def restart(self, why: str) -> None:
        """Wait until it is healthy: it is not ours to start again.

        Raises:
            SubjectError: It does not come back.
        """
        self.restarts.append(f"waited for, {why}")
        self.disconnect()
        self.start()

    def tail(self, lines: int = 100) -> str:
        """Return nothing: its log is not known."""
        return "(its log is not known here)"

    def exited(self) -> str:
        """Return nothing: its process is not known."""
        return ""

    def is_healthy(self) -> bool:
        """Say whether it says that it is healthy."""
        return not self.find_fault()

    def await_end(self, seconds: float) -> bool:
        """Return False: its process is not known."""
        return False

    def processes(self) -> list[psutil.Process]:
        """Return none: its process is not known."""
        return []

    def stop(self) -> Ending:
        """Leave it running; remove the temporary folder."""
        self.disconnect()
        return Ending("exited", None, tuple(self._folder.remove()))


def choose_server(url: str, launch: Launch, contract: Contract) -> SpeechServer:
    """Return the server at ``url``; where that is empty, one that is still to be started."""
    return AttachedServer(url, launch, contract) if url else SpeechServer(launch, contract)
