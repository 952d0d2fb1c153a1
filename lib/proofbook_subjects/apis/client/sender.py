"""Sends one call: its turn, its deadline, its retries, the circuit, and what went wrong.

Knows nothing about what a backend writes and reads.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from proofbook_subjects.apis.client.answers import Timing
from proofbook_subjects.apis.client.backends.base import Backend
from proofbook_subjects.apis.client.breaker import Circuit
from proofbook_subjects.apis.client.diagnosis import Target, explain
from proofbook_subjects.apis.client.errors import (
    ApiError,
    ApiTimeoutError,
    QueueTimeoutError,
    SetupError,
)
from proofbook_subjects.apis.client.exchange import Call
from proofbook_subjects.apis.client.keys import Key, redact
from proofbook_subjects.apis.client.outside import Outside
from proofbook_subjects.apis.client.rate_limits import spent_for
from proofbook_subjects.apis.client.refusals import Refusals
from proofbook_subjects.apis.client.requests import RequestBuilder
from proofbook_subjects.apis.client.retrying import with_retries
from proofbook_subjects.apis.client.settings import Breaker, Limits, Retries, Timeout
from proofbook_subjects.apis.client.slots import Place, Slots

__all__ = ["EXPLAINED", "Errand", "Sender"]

EXPLAINED = (ApiError, httpx.HTTPError, httpx.InvalidURL)
"""What an attempt may raise, to be explained."""

T = TypeVar("T")


@dataclass(kw_only=True)
class Errand:
    """One call under way."""

    call: Call
    target: Target
    place: Place
    timeout: Timeout
    called: float
    sent: float = math.nan
    attempts: int = 0
    probe: bool = False
    deltas: list[float] = field(default_factory=list)

    def timing(self, now: float) -> Timing:
        """Return when everything happened."""
        return Timing(
            called=self.called,
            sent=self.sent,
            ended=now,
            attempts=self.attempts,
            deltas=tuple(self.deltas),
        )


class Sender:
    """Sends to one host, on one event loop."""

    def __init__(
        self,
        backend: Backend,
        http: httpx.AsyncClient,
        requests: RequestBuilder,
        keys: Sequence[Key],
        *,
        limits: Limits,
        retries: Retries,
        breaker: Breaker,
        outside: Outside,
    ) -> None:
        self.outside, self.requests, self._http = outside, requests, http
        self.slots = Slots(limits)
        self.circuit = Circuit(breaker, outside.clock, requests.host)
        self._auth, self._keys, self._retries = backend.auth(keys), keys, retries
        self.refusals = Refusals(
            backend, longest_wait=retries.max_retry_after, wall_clock=outside.wall_clock
        )
        self._spent_until = -math.inf

    def begin(self, call: Call, timeout: Timeout, priority: int) -> Errand:
        """Take a place in line.

        Raises:
            QueueFullError: The line is as long as it may be.
            CircuitOpenError: The host is left alone.
        """
        self.circuit.refuse_if_open()
        return Errand(
            call=call,
            target=self.requests.target(call),
            place=self.slots.enter(priority),
            timeout=timeout,
            called=self.outside.clock(),
        )

    async def fetch(self, errand: Errand, read: Callable[[httpx.Response, bytes, Target], T]) -> T:
        """Send until there is an answer, and return what ``read`` finds in it."""

        async def attempt(number: int) -> T:
            await self.take_turn(errand, number)
            try:
                response = await self.send(errand)
                if response.status_code >= 300:
                    raise self.refusal(response, response.content, errand)
                return read(response, response.content, errand.target)
            finally:
                self.slots.give_back()

        return await self.until_answered(errand, attempt)

    async def until_answered(self, errand: Errand, attempt: Callable[[int], Awaitable[T]]) -> T:
        """Repeat ``attempt`` within the deadline; the circuit counts how it ends, once."""

        async def explained(number: int) -> T:
            try:
                return await attempt(number)
            except EXPLAINED as error:
                raise self.explained(error, errand) from self.cause(error)

        try:
            async with self.within_total(errand):
                answer = await with_retries(
                    explained, self._retries, self.outside, time_left=lambda: self._left(errand)
                )
        except BaseException as error:
            self.circuit.judge(error, probe=errand.probe)
            raise
        self.circuit.succeeded()
        return answer

    async def take_turn(self, errand: Errand, number: int) -> None:
        """Wait for a slot, which the caller gives back, and for a rate limit that is spent."""
        limit = errand.timeout.queue
        try:
            async with asyncio.timeout(limit) as waiting:
                await self.slots.take(errand.place)
                await self._hold(errand, number)
        except TimeoutError:
            if not waiting.expired():
                raise
            raise QueueTimeoutError(
                f"{errand.target.url}: no turn within Timeout(queue={limit:g}): "
                f"{self.slots.in_use} requests are in flight, {self.slots.waiting} wait"
            ) from None
        errand.sent, errand.attempts = self.outside.clock(), number

    async def _hold(self, errand: Errand, number: int) -> None:
        """Wait with the slot in hand: while the limit is spent, nobody else could use it."""
        try:
            while 0 < (wait := self._spent_until - self.outside.clock()) < self._left(errand):
                await self.outside.sleep(wait)
            if number == 1:
                errand.probe = self.circuit.admit()
        except BaseException:
            self.slots.give_back()
            raise

    async def send(self, errand: Errand, *, stream: bool = False) -> httpx.Response:
        """Send once; of a stream, return when its headers are there."""
        request = self.requests.build(errand.call, errand.timeout, stream=stream)
        response = await self._http.send(request, auth=self._auth, stream=stream)
        spent = spent_for(response.headers, self.outside.wall_clock())
        if spent is not None and response.status_code < 400:
            self._spent_until = self.outside.clock() + min(spent, self._retries.max_retry_after)
        return response

    def refusal(self, response: httpx.Response, body: bytes, errand: Errand) -> ApiError:
        """Return the error of an answer that is none."""
        return self.refusals.error_of(response, body, errand.target, errand.call.model)

    def explained(self, error: Exception, errand: Errand) -> ApiError:
        """Return what httpx raised as one of our own errors, with no key in it."""
        found = (
            error if isinstance(error, ApiError) else explain(error, errand.target, errand.timeout)
        )
        text = _located(str(found), errand.target)
        found.args = (redact(text, self._keys), *found.args[1:])
        return found

    def cause(self, error: Exception) -> BaseException | None:
        """Return what a traceback may show as the cause: nothing that has a key in it."""
        shown = error.__cause__ if isinstance(error, ApiError) else error
        text = f"{shown} {shown!r}"
        return None if redact(text, self._keys) != text else shown

    @asynccontextmanager
    async def within_total(self, errand: Errand) -> AsyncIterator[None]:
        """Raise ApiTimeoutError when the whole request takes too long."""
        left = self._left(errand)
        try:
            async with asyncio.timeout(None if math.isinf(left) else left) as whole:
                yield
        except TimeoutError:
            if not whole.expired():
                raise
            raise self._too_late(errand) from None

    def _too_late(self, errand: Errand) -> ApiTimeoutError:
        text = f"{errand.target.url}: not done within Timeout(total={errand.timeout.total:g})"
        if not errand.attempts:
            return QueueTimeoutError(f"{text}: it still waited for its turn")
        return ApiTimeoutError(f"{text}, in attempt {errand.attempts}", again=False)

    def _left(self, errand: Errand) -> float:
        total = errand.timeout.total
        return math.inf if total is None else errand.called + total - self.outside.clock()

    def close(self) -> None:
        """Send everyone away who waits."""
        self.slots.close(SetupError("the client was closed while the request waited for its turn"))


def _located(text: str, target: Target) -> str:
    return text if target.url in text else f"{target.url}: {text}"
