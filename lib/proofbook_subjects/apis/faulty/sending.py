"""Send an answer, rightly or with a fault in it.

A right answer with an upstream is not sent here: its bytes pass through as they are.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from proofbook_subjects.apis.faulty.answers import Answer, Dialect
from proofbook_subjects.apis.faulty.calls import Call
from proofbook_subjects.apis.faulty.faults import Fault
from proofbook_subjects.apis.faulty.waits import fill_dates, wait_of
from proofbook_subjects.apis.faulty.wire import Wire, head_bytes

__all__ = ["NEEDS_ANSWER", "Sending", "misbehave", "send_right"]

_PIECES = 8
"""Into how many parts an answer that is no stream is cut where its body is to break."""

NEEDS_ANSWER = frozenset({
    "delay", "stale", "slow_body", "truncated_chunk", "wrong_length", "error_event", "no_end",
    "malformed", "unusual", "duplicate", "content_type", "broken_gzip",
})  # fmt: skip
"""Faults that are made of the right answer; as is what breaks in the body."""


class Sending(NamedTuple):
    """What is at hand to answer one call."""

    wire: Wire
    call: Call
    dialect: Dialect
    fault: Fault
    answer: Answer | None
    """The right one, where the fault needs it."""

    @property
    def right(self) -> Answer:
        """The right answer of a fault that needs it."""
        assert self.answer is not None
        return self.answer


async def send_right(wire: Wire, call: Call, answer: Answer, pace: float = 0.0) -> None:
    """Send an answer: a stream in chunks, as soon as each part is there, else with its length."""
    call.status = answer.status
    if not answer.streamed:
        body = b"".join([part async for part in answer.parts])
        headers = [*answer.headers, ("Content-Length", str(len(body)))]
        call.parts = 1
        call.leave()
        await wire.write(head_bytes(answer.status, headers) + body)
        return
    await wire.write_head(answer.status, [*answer.headers, ("Transfer-Encoding", "chunked")])
    async for part in answer.parts:
        await wire.write_chunk(part)
        call.parts += 1
        await asyncio.sleep(pace)
    call.leave()
    await wire.write(b"0\r\n\r\n")


async def misbehave(sending: Sending) -> None:
    """Answer with the fault."""
    await _ACTIONS[sending.fault.kind](sending)


async def _break(sending: Sending) -> None:
    """Send what comes before the fault, then end the connection as the fault says."""
    wire, fault = sending.wire, sending.fault
    if fault.when == "in_headers":
        await wire.write(b"HTTP/1.1 200 OK\r\nContent-Type: applic")
    elif fault.when == "in_body":
        await _send_beginning(sending)
    await _end(sending)


async def _end(sending: Sending) -> None:
    wire, kind = sending.wire, sending.fault.kind
    if kind == "hang":
        await asyncio.sleep(sending.fault.seconds)
    elif kind != "half_close":
        sending.call.leave()
    if kind == "hang":
        await wire.close()
    elif kind == "reset":
        await wire.reset()
    elif kind == "half_close":
        await wire.half_close()
    else:
        await wire.close()


async def _send_beginning(sending: Sending) -> list[bytes]:
    """Send the headers of the right answer and its first parts; return the parts that are left."""
    wire, call, answer = sending.wire, sending.call, sending.right
    parts = await _cut(answer)
    call.status = answer.status
    framing = ("Transfer-Encoding", "chunked")
    if not answer.streamed:
        framing = ("Content-Length", str(sum(map(len, parts))))
    await wire.write_head(answer.status, [*answer.headers, framing])
    first = parts[: sending.fault.after]
    for part in first:
        await (wire.write_chunk(part) if answer.streamed else wire.write(part))
        call.parts += 1
    return parts[len(first) :]


async def _cut(answer: Answer) -> list[bytes]:
    """Return the parts of a stream, or the body of another answer in pieces."""
    parts = [part async for part in answer.parts]
    if answer.streamed:
        return parts
    body = b"".join(parts)
    size = max(1, -(-len(body) // _PIECES))
    return [body[start : start + size] for start in range(0, len(body), size)]


async def _delay(sending: Sending) -> None:
    await asyncio.sleep(sending.fault.seconds)
    await send_right(sending.wire, sending.call, sending.right)


async def _stale(sending: Sending) -> None:
    await send_right(sending.wire, sending.call, sending.right)
    sending.wire.is_stale = True


async def _slow_body(sending: Sending) -> None:
    right = sending.right
    parts = await _cut(right)
    slow = right if right.streamed else _framed(right, parts)
    pause = sending.fault.seconds / max(1, len(parts))

    async def trickle() -> AsyncIterator[bytes]:
        for part in parts:
            await asyncio.sleep(pause)
            yield part

    if slow.streamed:
        await send_right(sending.wire, sending.call, _replaced(slow, trickle()))
        return
    sending.call.status = slow.status
    await sending.wire.write_head(slow.status, slow.headers)
    async for part in trickle():
        if part is parts[-1]:
            sending.call.leave()
        await sending.wire.write(part)


def _framed(answer: Answer, parts: Sequence[bytes]) -> Answer:
    headers = [*answer.headers, ("Content-Length", str(sum(map(len, parts))))]
    return Answer(status=answer.status, headers=headers, parts=_all(parts))


def _replaced(answer: Answer, parts: AsyncIterator[bytes]) -> Answer:
    return Answer(
        status=answer.status, headers=answer.headers, parts=parts, streamed=answer.streamed
    )


async def _all(parts: Sequence[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def _truncated_chunk(sending: Sending) -> None:
    wire, right = sending.wire, sending.right
    parts = await _cut(right)
    sending.call.status = right.status
    await wire.write_head(right.status, [*right.headers, ("Transfer-Encoding", "chunked")])
    after = min(sending.fault.after, len(parts) - 1)
    for part in parts[:after]:
        await wire.write_chunk(part)
        sending.call.parts += 1
    broken = parts[after]
    sending.call.leave()
    await wire.write(b"%x\r\n%s" % (len(broken), broken[: len(broken) // 2]))
    await wire.close()


async def _wrong_length(sending: Sending) -> None:
    wire, right = sending.wire, sending.right
    body = b"".join([part async for part in right.parts])
    length = max(1, len(body) + sending.fault.by)
    sending.call.status = right.status
    await wire.write_head(right.status, [*right.headers, ("Content-Length", str(length))])
    sending.call.leave()
    await wire.write(body)
    await wire.close()


async def _send_body(
    sending: Sending, status: int, body: bytes, content_type: str,
    more: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    sending.call.status = status
    headers = {"Content-Type": content_type, **(more or {}), "Content-Length": str(len(body))}
    sending.call.leave()
    await sending.wire.write(head_bytes(status, headers.items()) + body)


async def _status(sending: Sending) -> None:
    fault = sending.fault
    headers = fill_dates(fault.headers)
    sending.call.wait_told = wait_of(headers)
    if fault.body is None:
        error = sending.dialect.error(fault.status, "the server misbehaves on demand")
        await _send_body(
            sending, fault.status, json.dumps(error).encode(), "application/json", headers
        )
    else:
        await _send_body(sending, fault.status, _encode(fault.body), fault.content_type, headers)


def _encode(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


async def _body(sending: Sending) -> None:
    content = "" if sending.fault.body is None else sending.fault.body
    await _send_body(sending, 200, _encode(content), sending.fault.content_type)


async def _error_body(sending: Sending) -> None:
    error = sending.dialect.error(500, "the server misbehaves on demand")
    await _send_body(sending, 200, json.dumps(error).encode(), "application/json")


async def _content_type(sending: Sending) -> None:
    right = sending.right
    others = [(n, v) for n, v in right.headers if n.lower() != "content-type"]
    headers = [*others, ("Content-Type", sending.fault.content_type)]
    answer = Answer(
        status=right.status, headers=headers, parts=right.parts, streamed=right.streamed
    )
    await send_right(sending.wire, sending.call, answer)


async def _broken_gzip(sending: Sending) -> None:
    right = sending.right
    body = gzip.compress(b"".join([part async for part in right.parts]), mtime=0)
    kind = dict(right.headers).get("Content-Type", "application/json")
    broken = body[: len(body) * 6 // 10]
    await _send_body(sending, right.status, broken, kind, {"Content-Encoding": "gzip"})


async def _changed_stream(sending: Sending) -> None:
    """Send a stream whose parts the fault has changed, and end it in good order."""
    parts = [part async for part in sending.right.parts]
    changed = _CHANGES[sending.fault.kind](parts, sending)
    await send_right(sending.wire, sending.call, _replaced(sending.right, _all(changed)))


def _with_error_event(parts: list[bytes], sending: Sending) -> list[bytes]:
    return [
        *parts[: sending.fault.after],
        sending.dialect.error_event("the server misbehaves on demand"),
    ]


def _without_end(parts: list[bytes], sending: Sending) -> list[bytes]:
    return parts[: sending.fault.after]


def _malformed(parts: list[bytes], sending: Sending) -> list[bytes]:
    at = min(sending.fault.after, len(parts) - 1)
    part = parts[at]
    end = part[len(part.rstrip(b"\n")) :]
    return [*parts[:at], part[: len(part) * 6 // 10] + end, *parts[at + 1 :]]


def _duplicated(parts: list[bytes], sending: Sending) -> list[bytes]:
    at = min(sending.fault.after, len(parts) - 1)
    return [*parts[: at + 1], *parts[at:]]


def _unusual(parts: list[bytes], sending: Sending) -> list[bytes]:
    how = sending.fault.how
    if how == "crlf":
        return [part.replace(b"\n", b"\r\n") for part in parts]
    if how == "comments":
        if parts[0].startswith(b"{"):  # JSON lines have no comments, but may have spaces
            return [part.replace(b"\n", b" \n") for part in parts]
        return [each for part in parts for each in (b": ping\n\n", part)]
    if how == "no_space":
        return [part.replace(b"data: ", b"data:").replace(b"event: ", b"event:") for part in parts]
    whole = b"".join(parts)
    return [whole[start : start + 7] for start in range(0, len(whole), 7)]


_CHANGES: Mapping[str, Callable[[list[bytes], Sending], list[bytes]]] = {
    "duplicate": _duplicated, "error_event": _with_error_event, "malformed": _malformed,
    "no_end": _without_end, "unusual": _unusual,
}  # fmt: skip

_ACTIONS: Mapping[str, Callable[[Sending], Awaitable[None]]] = {
    "body": _body, "broken_gzip": _broken_gzip, "close": _break, "content_type": _content_type,
    "delay": _delay, "error_body": _error_body, "half_close": _break, "hang": _break,
    "reset": _break, "slow_body": _slow_body, "stale": _stale, "status": _status,
    "truncated_chunk": _truncated_chunk, "wrong_length": _wrong_length,
    **dict.fromkeys(_CHANGES, _changed_stream),
}  # fmt: skip
