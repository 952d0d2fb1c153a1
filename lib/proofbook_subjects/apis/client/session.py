"""A connection to one server: how it is set up, and how a call is sent and read.

Knows no kind of call: those are the client's.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

import httpx

from proofbook_subjects.apis.client.accounts import Accounts
from proofbook_subjects.apis.client.answers import Timing
from proofbook_subjects.apis.client.backends import find_backend
from proofbook_subjects.apis.client.connections import open_http
from proofbook_subjects.apis.client.errors import SetupError
from proofbook_subjects.apis.client.exchange import Call
from proofbook_subjects.apis.client.outside import Outside
from proofbook_subjects.apis.client.requests import RequestBuilder
from proofbook_subjects.apis.client.sender import Sender
from proofbook_subjects.apis.client.settings import Breaker, Limits, Price, Retries, Timeout

__all__ = ["Session"]

T = TypeVar("T")


class Session:
    """One server, asked by one event loop.

    Args:
        backend: One of ``BACKENDS``.
        base_url: As that service's own SDK wants it; by default the service's.
        api_key: By default from the environment.
        limits: How many requests at once.
        retries: What is sent again, and when.
        timeout: How long anything may take.
        breaker: When a host is left alone.
        prices: Model to its price.
        headers: Sent with every request.
        verify: As httpx has it.
        transport: Instead of the network.
        trust_env: Whether proxies of the environment are used.
        outside: Clocks, sleep and randomness.

    Raises:
        SetupError: Something of this cannot be used; MissingKeyError is one.
    """

    def __init__(
        self,
        backend: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        retries: Retries = Retries(),  # noqa: B008 - frozen
        timeout: Timeout = Timeout(),  # noqa: B008 - frozen
        breaker: Breaker = Breaker(),  # noqa: B008 - frozen
        prices: Mapping[str, Price] | None = None,
        headers: Mapping[str, str] | None = None,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
        trust_env: bool = True,
        outside: Outside | None = None,
    ) -> None:
        """Prepare a client; nothing is sent."""
        self._backend = find_backend(backend)
        url = base_url or self._backend.default_url
        if not url:
            raise SetupError(f"{backend} needs base_url: it looks like {self._backend.url_form}")
        keys = self._backend.find_keys(api_key)
        trusted = trust_env and transport is None
        self._requests = RequestBuilder(self._backend, url, headers or {}, trust_env=trusted)
        self._http = open_http(
            limits, verify=verify, transport=transport, trust_env=trusted, url=url
        )
        self._timeout, self._outside = timeout, outside or Outside()
        self.accounts = Accounts(prices or {})
        self._sender = Sender(
            self._backend,
            self._http,
            self._requests,
            keys,
            limits=limits,
            retries=retries,
            breaker=breaker,
            outside=self._outside,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._backend.name} at {self._requests.base_url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; who waits for a turn is sent away."""
        self._sender.close()
        await self._http.aclose()

    @property
    def in_flight(self) -> int:
        """Requests and open streams, now."""
        return self._sender.slots.in_use

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn, now."""
        return self._sender.slots.waiting

    async def _json(
        self, call: Call, read: Callable[[Any], T], priority: int, timeout: Timeout | None
    ) -> tuple[T, Any, Timing]:
        errand = self._sender.begin(call, timeout or self._timeout, priority)
        refusals = self._sender.refusals

        def parse(response: httpx.Response, body: bytes, target: Any) -> tuple[T, Any]:
            value = refusals.read_json(response, body, target)
            return read(value), value

        found, raw = await self._sender.fetch(errand, parse)
        return found, raw, errand.timing(self._outside.clock())

    async def _whole(
        self, call: Call, timeout: Timeout | None, read: Callable[[httpx.Response], T]
    ) -> T:
        errand = self._sender.begin(call, timeout or self._timeout, 0)
        return await self._sender.fetch(errand, lambda response, _body, _target: read(response))
