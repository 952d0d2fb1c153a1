"""Streams: opened with retries, read once, and counted until they are closed.

Until its first text a stream may be opened again; from then on it is never sent twice: what breaks
it is a StreamBrokenError with what was delivered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from proofbook_subjects.apis.client.bodies import find_complaint
from proofbook_subjects.apis.client.errors import (
    ApiError,
    ConnectionLostError,
    ErrorInAnswerError,
    StreamBrokenError,
)
from proofbook_subjects.apis.client.exchange import Part, PartReader, Reply
from proofbook_subjects.apis.client.sender import EXPLAINED, Errand, Sender

__all__ = ["Streaming", "stream_parts"]

_DRAIN = 0.25
"""Seconds to wait for the body's end after the last event, so that the connection is kept."""


@dataclass(frozen=True, kw_only=True)
class Streaming:
    """How the answer to one kind of call is read."""

    reader: Callable[[], PartReader]
    whole: Callable[[Any], Reply]
    """Reads the answer of a server that did not stream."""


@dataclass
class _Opened:
    """A stream whose first text, or whose end, has been read."""

    response: httpx.Response
    pieces: AsyncIterator[bytes]
    reader: PartReader
    ready: deque[Part] = field(default_factory=deque)
    finished: bool = False
    """Its last event was read, or the reason why it ends."""
    ended: bool = False
    """Its body's end was read."""

    async def read_more(self) -> None:
        """Read one piece of the body, or its end.

        Raises:
            ConnectionLostError: It ended before its last event.
        """
        try:
            parts = self.reader.feed(await anext(self.pieces))
        except StopAsyncIteration:
            self.ended = True
            parts = self.reader.end()
        for part in parts:
            self.ready.append(part)
            self.finished = self.finished or part.last or part.finish_reason is not None
        if self.ended and not self.finished:
            raise ConnectionLostError("the stream is truncated: it ended before its last event")

    @property
    def over(self) -> bool:
        """Whether nothing more is to be read."""
        return self.ended or any(part.last for part in self.ready)


async def stream_parts(
    sender: Sender, errand: Errand, streaming: Streaming
) -> AsyncGenerator[Part]:
    """Yield what is read, in order, each once. Must be closed, or read to its end."""

    async def attempt(number: int) -> _Opened:
        await sender.take_turn(errand, number)
        try:
            return await _open(sender, errand, streaming)
        except BaseException:
            sender.slots.give_back()
            raise

    opened = await sender.until_answered(errand, attempt)
    delivered: list[str] = []
    try:
        async for part in _parts(sender, errand, opened):
            if part.text:
                delivered.append(part.text)
                errand.deltas.append(sender.outside.clock())
            yield part
        await _drain(opened)
    except ApiError as error:
        broken = _broken(error, delivered)
        sender.circuit.judge(broken, probe=False)
        raise broken from error
    finally:
        sender.slots.give_back()
        await opened.response.aclose()


async def _open(sender: Sender, errand: Errand, streaming: Streaming) -> _Opened:
    response = await sender.send(errand, stream=True)
    try:
        if response.status_code >= 300:
            raise sender.refusal(response, await response.aread(), errand)
        kind = response.headers.get("content-type", "")
        if kind.startswith(("application/json", "text/html")):
            return await _whole(sender, errand, response, streaming)
        opened = _Opened(response, response.aiter_bytes(), streaming.reader())
        while not opened.over and not any(part.text for part in opened.ready):
            await opened.read_more()
        return opened
    except BaseException:
        await response.aclose()
        raise


async def _whole(
    sender: Sender, errand: Errand, response: httpx.Response, streaming: Streaming
) -> _Opened:
    body = await response.aread()
    opened = _Opened(response, response.aiter_bytes(), streaming.reader(), ended=True)
    try:
        value = sender.refusals.read_json(response, body, errand.target)
    except ApiError as error:
        opened.ready.extend(_lines_of_json(streaming, body, error))
        return opened
    complaint = find_complaint(value)
    if complaint:
        raise ErrorInAnswerError(
            f"status 200, and an error in the body: {complaint.text}", again=complaint.passing
        )
    reply = streaming.whole(value)
    opened.ready.append(Part(reply.text, reply.usage, reply.finish_reason, True, reply.model))
    return opened


def _lines_of_json(streaming: Streaming, body: bytes, error: ApiError) -> list[Part]:
    """Read a stream that was called JSON; raise ``error`` where it is none either."""
    reader = streaming.reader()
    try:
        parts = [*reader.feed(body), *reader.end()]
    except ApiError:
        raise error from None
    if not any(part.last or part.finish_reason for part in parts):
        raise error
    return parts


async def _parts(sender: Sender, errand: Errand, opened: _Opened) -> AsyncIterator[Part]:
    while True:
        while opened.ready:
            part = opened.ready.popleft()
            yield part
            if part.last:
                return
        if opened.ended:
            return
        try:
            async with sender.within_total(errand):
                await opened.read_more()
        except EXPLAINED as error:
            raise sender.explained(error, errand) from sender.cause(error)


async def _drain(opened: _Opened) -> None:
    if not opened.ended:
        try:
            async with asyncio.timeout(_DRAIN):
                async for _ in opened.pieces:
                    continue
        except (TimeoutError, httpx.HTTPError):
            return  # it is whole; only its connection is not kept


def _broken(error: ApiError, delivered: list[str]) -> StreamBrokenError:
    return StreamBrokenError(
        f"the stream broke after {len(delivered)} deltas, and is not sent again: {error}",
        delivered="".join(delivered),
        deltas=len(delivered),
        cause=error,
    )
