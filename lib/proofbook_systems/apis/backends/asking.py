"""Ask one backend through the client under test, by way of the proxy that misbehaves."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from proofbook_systems.apis.client_process import ClientProcess
from proofbook_systems.apis.faulty_server import Call, Lane
from proofbook_systems.apis.outcomes import Outcome, Sent
from proofbook_systems.apis.protocols import Protocol, protocol_of

__all__ = ["Asker", "Exchange"]

_TEXTS = ("a cat sits on a mat", "interest rates rise", "a cat sits on a mat")
"""What is embedded: the third is the first again."""
_GRACE = 5.0
"""Seconds beyond a request's own limit after which the client is given up."""
_PAUSE = 0.02
_ACTIONS = {"stream": "chat", "predict": "infer"}
"""What the client's host calls those that it has no word of its own for."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One or more requests, and what the server saw of them."""

    outcomes: Sequence[Outcome]
    calls: Sequence[Call]
    peak: int
    """Most calls in flight at one time."""

    @property
    def outcome(self) -> Outcome:
        """The first one."""
        return self.outcomes[0]

    @property
    def statuses(self) -> list[int | None]:
        """What the server answered, call by call."""
        return [call.status for call in self.calls]


@dataclass(frozen=True, kw_only=True)
class Asker:
    """A client, a backend, and the proxy between the two."""

    client: ClientProcess
    proxy: Lane
    api: str
    base_url: str
    """At the proxy."""
    key: str
    model: str
    prompt: str
    timeout: float
    options: Mapping[str, Any]
    """The client's own."""
    inputs: Any = None
    """What a model that is no language model is asked."""

    @property
    def protocol(self) -> Protocol:
        """What the API promises."""
        return protocol_of(self.api)

    @property
    def limit(self) -> int:
        """How many requests the client promises to have in flight at most; 0 promises nothing."""
        return int(self.options.get("max_concurrency") or 0)

    @property
    def retries(self) -> int | None:
        """How often the client promises to try again; None promises nothing."""
        retries = self.options.get("max_retries")
        return None if retries is None else int(retries)

    def with_(self, **changes: Any) -> Asker:
        """Return one that differs in something: a key, a model, an address."""
        return replace(self, **changes)

    def ask(
        self, action: str, *, faults: Sequence[Mapping[str, Any]] = (), **more: Any
    ) -> Exchange:
        """Send one request, and return it with the calls that it made.

        ``faults`` are what becomes of the first calls, one after the other; ``more`` are fields of
        the request.
        """
        return self.ask_many(action, 1, faults=faults, **more)

    def ask_many(
        self, action: str, count: int, *, faults: Sequence[Mapping[str, Any]] = (), **more: Any
    ) -> Exchange:
        """Send ``count`` requests at once, and wait for all."""
        with self.watching(faults):
            return self.collect([self.send(action, **more) for _ in range(count)])

    @contextmanager
    def watching(self, faults: Sequence[Mapping[str, Any]]) -> Iterator[None]:
        """Plan faults, and count calls from here on; plan none afterwards."""
        self.proxy.reset()
        if faults:
            self.proxy.plan(faults, all_calls=True)
        try:
            yield
        finally:
            self.proxy.reset()

    def send(self, action: str, **more: Any) -> Sent:
        """Send a request without waiting for its end."""
        return self.client.send(self.request(action, **more))

    def collect(self, sent: Sequence[Sent]) -> Exchange:
        """Wait for all, and return them with what the server saw since it was last reset."""
        outcomes = [each.wait(self.timeout + _GRACE) for each in sent]
        self.proxy.wait_idle(_GRACE)
        return Exchange(outcomes=outcomes, calls=self.proxy.calls(), peak=self.proxy.summary().peak)

    def wait_calls(self, count: int) -> bool:
        """Wait until so many calls have begun; return whether they have."""
        deadline = time.monotonic() + self.timeout
        while self.proxy.summary().calls < count:
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE)
        return True

    def request(self, action: str, **more: Any) -> dict[str, Any]:
        """Return a request in the words of the client's host."""
        return {
            "action": _ACTIONS.get(action, action), "protocol": self.api,
            "base_url": self.base_url, "api_key": self.key, "model": self.model,
            "timeout": self.timeout, "options": dict(self.options), **self._body(action), **more,
        }  # fmt: skip

    def _body(self, action: str) -> dict[str, Any]:
        match action:
            case "chat" | "stream":
                messages = [{"role": "user", "content": self.prompt}]
                return {"messages": messages, "max_tokens": 16, "stream": action == "stream"}
            case "completion":
                return {"prompt": self.prompt, "max_tokens": 16, "stream": False}
            case "embeddings":
                return {"input": list(_TEXTS)}
            case "infer":
                return {"inputs": self.inputs}
            case "predict":
                return {"inputs": {"instances": _rows(self.inputs)}}
            case "list_objects":
                return {"bucket": self.model}
            case _:
                return {}


def _rows(tensors: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Return KServe's first tensor as the rows that TensorFlow Serving takes."""
    data, width = list(tensors[0]["data"]), int(tensors[0]["shape"][-1])
    return [data[start : start + width] for start in range(0, len(data), width)]
