"""Streams: each piece once, times and usage, and what becomes of one that breaks."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from asking import Asked, Time, client
from scripted_server import ASK, DONE, chat_answer, chat_event, event

from proofbook_subjects.apis.client import Limits, Price, Retries, StreamBrokenError, Timeout
from proofbook_subjects.apis.client.errors import (
    ApiError,
    ConnectionLostError,
    ErrorInAnswerError,
    MalformedAnswerError,
    ServerError,
    WrongProtocolError,
)

USAGE = event(
    {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}}
)
WHOLE = [chat_event("one "), chat_event("two "), chat_event("three"), chat_event("", "stop")]


def stream(
    *pieces: bytes, then: Exception | None = None, kind: str = "text/event-stream",
    time: Time | None = None,
) -> Any:  # fmt: skip
    """An answer whose pieces come one by one, and that may break."""

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            if time:
                time.now += 1.0
            yield piece
        if then:
            raise then

    return lambda _: httpx.Response(200, headers={"content-type": kind}, content=body())


def read(asked: Asked, **settings: Any) -> tuple[str, Any]:
    async def main() -> tuple[str, Any]:
        async with client(asked, **settings) as api:
            found = api.stream_chat(ASK, model="m")
            text = [delta.text async for delta in found]
            assert api.in_flight == 0
            return "".join(text), found.answer

    return asyncio.run(main())


def test_the_times_have_their_usual_names() -> None:
    time = Time()
    asked = Asked(stream(*WHOLE, USAGE, DONE, time=time))
    text, answer = read(asked, time=time, prices={"m": Price(input=2.0, output=10.0)})
    assert text == answer.text == "one two three"
    assert answer.usage == (10, 3, 0)
    assert answer.cost == pytest.approx((10 * 2 + 3 * 10) / 1e6)
    assert answer.timing.time_to_first_token == 1.0
    assert answer.timing.inter_token_latencies == (1.0, 1.0)
    assert answer.time_per_output_token == 1.0
    assert answer.timing.seconds == 6.0
    assert answer.tokens_per_second == 0.5
    assert asked.requests[0].headers["accept"].startswith("text/event-stream")


def test_borders_of_chunks_are_anywhere() -> None:
    body = b": hi\r\n\r\n" + b"".join(WHOLE).replace(b"\n", b"\r\n") + chat_event("ü€") + DONE
    assert read(Asked(stream(*(bytes([byte]) for byte in body))))[0] == "one two threeü€"


@pytest.mark.parametrize(
    "end", [[DONE], [chat_event("", "stop")], [chat_event("", "length"), USAGE]]
)
def test_each_sign_of_the_end_counts(end: list[bytes]) -> None:
    assert read(Asked(stream(chat_event("one"), *end)))[0] == "one"


@pytest.mark.parametrize(
    ("then", "pieces"),
    [
        (httpx.ReadError("reset"), []),
        (None, []),
        (None, [b"data: {cut"]),
        (httpx.RemoteProtocolError("peer closed, incomplete chunked read"), []),
    ],
)
@pytest.mark.parametrize("delivered", [1, 3])
def test_a_stream_that_broke_is_not_sent_again(
    then: Exception | None, pieces: list[bytes], delivered: int
) -> None:
    asked = Asked(stream(*WHOLE[:delivered], *pieces, then=then), stream(*WHOLE, DONE))
    text: list[str] = []

    async def main() -> None:
        async with client(asked) as api:
            with pytest.raises(StreamBrokenError, match=r"after . deltas") as error:
                async for delta in api.stream_chat(ASK, model="m"):
                    text.append(delta.text)
            assert error.value.delivered == "".join(text)
            assert error.value.deltas == delivered
            assert isinstance(error.value.__cause__, ConnectionLostError)
            assert api.in_flight == 0

    asyncio.run(main())
    assert len(asked.requests) == 1
    assert text == ["one ", "two ", "three"][:delivered]


@pytest.mark.parametrize("pieces", [[], [b": ping\n\n"], [chat_event("")]])
def test_before_the_first_text_it_is_opened_again(pieces: list[bytes]) -> None:
    broken = stream(*pieces, then=httpx.ReadError("reset"))
    asked = Asked(broken, stream(*pieces), stream(*WHOLE, DONE))
    text, answer = read(asked)
    assert (text, answer.timing.attempts, len(asked.requests)) == ("one two three", 3, 3)


def test_a_refused_stream_is_asked_for_again() -> None:
    asked = Asked(httpx.Response(500, json={"error": {"message": "boom"}}), stream(*WHOLE, DONE))
    assert read(asked)[1].timing.attempts == 2
    asked = Asked(httpx.Response(500, json={"error": {"message": "boom"}}))
    with pytest.raises(ServerError, match="boom"):
        read(asked)
    assert len(asked.requests) == 3


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (stream(b"data: {no json\n\n"), MalformedAnswerError, "an event is no JSON"),
        (
            stream(event({"error": {"message": "overloaded", "type": "x"}})),
            ErrorInAnswerError,
            "overloaded",
        ),
        (httpx.Response(200, json={"error": "bad"}), ErrorInAnswerError, "bad"),
        (httpx.Response(200, html="<html>hi</html>"), WrongProtocolError, "a web page"),
        (httpx.Response(200, json={"done": True, "model": "m", "created_at": "x"}),
         WrongProtocolError, "looks like Ollama's"),
        (stream(event({"type": "message_start", "message": {}})), WrongProtocolError, "choices"),
    ],
)  # fmt: skip
def test_what_is_no_stream_is_named(answer: Any, kind: type[ApiError], words: str) -> None:
    with pytest.raises(kind, match=words):
        read(Asked(answer))


def test_an_error_after_the_first_text_breaks_the_stream() -> None:
    error = event({"error": {"message": "out of memory", "code": 500}})
    asked = Asked(stream(*WHOLE[:2], error, *WHOLE, DONE))
    with pytest.raises(StreamBrokenError, match=r"after 2 deltas.*out of memory"):
        read(asked)
    assert len(asked.requests) == 1


def test_an_overloaded_server_that_says_so_in_the_stream_is_asked_again() -> None:
    error = event({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
    assert read(Asked(stream(error), stream(*WHOLE, DONE)))[0] == "one two three"


def test_a_server_that_does_not_stream_is_understood() -> None:
    text, answer = read(Asked(httpx.Response(200, json=chat_answer("all at once"))))
    assert (text, answer.usage) == ("all at once", (3, 2, 0))


def test_a_stream_that_calls_itself_json_is_read_all_the_same() -> None:
    assert read(Asked(stream(*WHOLE, DONE, kind="application/json")))[0] == "one two three"


def test_an_open_stream_counts_and_a_dropped_one_does_not() -> None:
    async def main() -> None:
        limits = Limits(max_concurrency=1)
        async with client(Asked(stream(*WHOLE, DONE)), limits=limits) as api:
            async for _ in api.stream_chat(ASK, model="m"):
                assert api.in_flight == 1
                other = asyncio.create_task(api.stream_chat(ASK, model="m").finish())
                await asyncio.sleep(0.01)
                assert (api.in_flight, api.waiting) == (1, 1)
                break
            gc.collect()
            assert (await asyncio.wait_for(other, 30)).text == "one two three"
            async with api.stream_chat(ASK, model="m") as opened:
                await anext(aiter(opened))
                assert api.in_flight == 1
            assert api.in_flight == 0
            with pytest.raises(ValueError, match="not ended"):
                opened.answer  # noqa: B018 - it raises

    asyncio.run(main())


def test_a_stream_is_read_once() -> None:
    async def main() -> None:
        async with client(Asked(stream(*WHOLE, DONE))) as api:
            found = api.stream_chat(ASK, model="m")
            await found.finish()
            with pytest.raises(ValueError, match="read once"):
                aiter(found)

    asyncio.run(main())


def test_the_whole_time_of_a_stream_is_limited() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield WHOLE[0]
        await asyncio.sleep(600)

    def slow(_: httpx.Request) -> httpx.Response:
        kind = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=kind, content=body())

    with pytest.raises(StreamBrokenError, match=r"not done within Timeout\(total=0\.3\)"):
        read(Asked(slow), timeout=Timeout(total=0.3), retries=Retries(max_retries=0))


def test_a_line_of_json_that_is_cut_is_a_truncated_stream() -> None:
    whole = b'{"message": {"content": "one"}, "done": false}\n'
    asked = Asked(stream(whole, whole[:20], kind="application/x-ndjson"))

    async def main() -> None:
        async with client(asked, "ollama") as api:
            with pytest.raises(StreamBrokenError, match="ended within its last event"):
                await api.stream_chat(ASK, model="m").finish()
        cut = Asked(stream(whole[:20], kind="application/x-ndjson"))
        async with client(cut, "ollama") as api:
            with pytest.raises(ConnectionLostError):
                await api.stream_chat(ASK, model="m").finish()
        assert len(cut.requests) == 3

    asyncio.run(main())
