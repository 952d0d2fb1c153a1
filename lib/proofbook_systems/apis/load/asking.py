"""Put load on one server through a client: alone, in closed rounds, in open ones."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proofbook_systems.apis.backends.answers import find_error
from proofbook_systems.apis.client_process import ClientProcess
from proofbook_systems.apis.clients import ClientCommand
from proofbook_systems.apis.load.rounds import Round, run_closed, run_open
from proofbook_systems.apis.load.samples import Sample
from proofbook_systems.apis.outcomes import Outcome
from proofbook_systems.apis.protocols import no_keys
from proofbook_systems.apis.rows import Backend
from proofbook_systems.apis.targets import Target, open_target

__all__ = ["Loader"]

_GRACE = 5.0
"""Seconds beyond a request's own limit after which the client is given up."""
_LEAST, _COUNT = 100_000, 900_000
_STRIDE = 556_201
"""Has no factor in common with the count, so that each number is reached once."""


@dataclass(kw_only=True)
class Loader:
    """A client and a server; both end with it, and with this process."""

    client: ClientCommand
    options: Mapping[str, Any]
    """The client's own."""
    api: str
    server: str
    """A URL, a ``server.json``, or ``reference:<name>``."""
    model: str
    key: str
    """Environment variable of the key; empty is the API's usual one."""
    prompt: str
    max_tokens: int
    stream: bool
    timeout: float
    folder: Path
    """For logs."""
    _target: Target | None = field(default=None, init=False)
    _sent: int = field(default=0, init=False)
    _stack: ExitStack = field(default_factory=ExitStack, init=False)

    def start(self) -> str:
        """Start client and server, and return what the server is.

        Raises:
            SubjectError: One of them cannot be started, or there is no key.
        """
        backend = Backend(api=self.api, server=self.server, model=self.model, key=self.key)
        self.folder.mkdir(parents=True, exist_ok=True)
        opened = open_target(backend, log=self.folder / "server.log")
        self._target = self._stack.enter_context(opened)
        client = ClientProcess(self.client, log=self.folder / "client.log", environment=no_keys())
        self._client = self._stack.enter_context(client)
        return f"{self._target.implementation} {self._target.title}"

    def stop(self) -> str:
        """End both; return how the server has ended before that, or nothing."""
        ended = self._target.exited() if self._target else ""
        self._stack.close()
        return ended

    def ask_alone(self, warmup: int) -> Sample:
        """Return one request that nobody else disturbs, after ``warmup`` others."""
        for _ in range(warmup):
            self._ask(self._take(1), time.monotonic())
        return self._ask(self._take(1), time.monotonic())

    def closed(self, clients: Sequence[int], requests: int) -> Iterator[Round]:
        """Yield a closed round for each number of clients."""
        for count in clients:
            yield run_closed(
                self._ask, clients=count, requests=requests, first=self._take(requests)
            )

    def open(self, rates: Sequence[float], requests: int, seed: int) -> Iterator[Round]:
        """Yield an open round for each rate, in requests a second."""
        for rate in rates:
            first = self._take(requests)
            yield run_open(self._ask, rate=rate, requests=requests, seed=seed, first=first)

    def _take(self, count: int) -> int:
        first, self._sent = self._sent, self._sent + count
        return first

    def _ask(self, number: int, due: float) -> Sample:
        assert self._target is not None, "start first"
        marker = _marker(number)
        request = {
            "action": "chat", "protocol": self.api, "base_url": self._target.base_url,
            "api_key": self._target.key, "model": self._target.model,
            "messages": [{"role": "user", "content": f"{self.prompt} {marker}"}],
            "max_tokens": self.max_tokens, "stream": self.stream, "timeout": self.timeout,
            "options": dict(self.options),
        }  # fmt: skip
        outcome = self._client.send(request).wait(self.timeout + _GRACE)
        return _sample(outcome, due, marker)


def _marker(number: int) -> str:
    """Return a number of six digits that no other request has; neighbours look nothing alike."""
    return str(_LEAST + number * _STRIDE % _COUNT)


def _sample(outcome: Outcome, due: float, marker: str) -> Sample:
    return Sample(
        due=due, ended=time.monotonic(), text=outcome.text or outcome.streamed_text, marker=marker,
        pieces=tuple(delta.at for delta in outcome.deltas),
        output_tokens=(outcome.usage or {}).get("output_tokens"),
        fault=find_error(outcome),
    )  # fmt: skip
