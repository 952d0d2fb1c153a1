"""What is sent again, how often, and after how long; nothing here waits in truth."""

from __future__ import annotations

import asyncio
import gzip
import json
from email.utils import formatdate
from typing import Any

import httpx
import pytest
from asking import Asked, Time, client
from scripted_server import ASK, chat_answer

from proofbook_subjects.apis.client import Breaker, Limits, Retries, Timeout
from proofbook_subjects.apis.client.errors import (
    ApiError,
    BadRequestError,
    BusyError,
    CircuitOpenError,
    ConnectionLostError,
    RateLimitedError,
    RetryLaterError,
    ServerError,
    UnreachableError,
)

GOOD = httpx.Response(200, json=chat_answer())
NOW = 1_800_001_000.0  # what the wall clock of Time says at first


def refusing(status: int, **headers: str) -> httpx.Response:
    body = {"error": {"message": "no"}}
    return httpx.Response(
        status, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def ask(asked: Asked, time: Time | None = None, **settings: Any) -> Any:
    async def main() -> Any:
        async with client(asked, time=time, **settings) as api:
            return await api.chat(ASK, model="m")

    return asyncio.run(main())


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529, 599])
def test_passing_troubles_are_asked_again(status: int) -> None:
    asked = Asked(refusing(status), refusing(status), GOOD)
    answer = ask(asked)
    assert (answer.text, answer.timing.attempts, len(asked.requests)) == ("hello you", 3, 3)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422])
def test_other_refusals_are_final(status: int) -> None:
    asked = Asked(refusing(status), GOOD)
    with pytest.raises(ApiError) as error:
        ask(asked)
    assert (error.value.status, len(asked.requests)) == (status, 1)


@pytest.mark.parametrize("retries", [0, 1, 3, 12])
def test_a_constant_500_gets_one_call_more_than_retries(retries: int) -> None:
    asked, time = Asked(refusing(500)), Time()
    with pytest.raises(ServerError, match="answered with 500: no"):
        ask(asked, time, retries=Retries(max_retries=retries), breaker=Breaker())
    assert (len(asked.requests), len(time.slept)) == (retries + 1, retries)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("refused"), UnreachableError),
        (httpx.ReadError(""), ConnectionLostError),
        (httpx.RemoteProtocolError("Server disconnected"), ConnectionLostError),
    ],
)
def test_broken_connections_are_tried_again(error: Exception, kind: type[ApiError]) -> None:
    assert ask(Asked(error, GOOD)).timing.attempts == 2
    asked = Asked(error)
    with pytest.raises(kind):
        ask(asked)
    assert len(asked.requests) == 3


def test_a_broken_compression_is_a_broken_connection() -> None:
    whole = gzip.compress(json.dumps(chat_answer()).encode())
    headers = {"Content-Encoding": "gzip"}
    cut = httpx.Response(200, headers=headers, stream=httpx.ByteStream(whole[:-30]))
    noise = httpx.Response(200, headers=headers, stream=httpx.ByteStream(b"no gzip"))
    for broken in (cut, noise):
        asked = Asked(lambda _, broken=broken: broken)
        with pytest.raises(ConnectionLostError, match="the compressed answer is"):
            ask(asked, retries=Retries(max_retries=0))


@pytest.mark.parametrize(
    ("said", "asks"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": formatdate(NOW + 20, usegmt=True)}, 20.0),
        ({"retry-after-ms": "70"}, 0.07),
        ({"RateLimit": '"x";r=0;t=9'}, 9.0),
    ],
)
def test_what_the_server_asks_to_wait_is_waited(said: dict[str, str], asks: float) -> None:
    time = Time()
    ask(Asked(refusing(429, **said), GOOD), time)
    (slept,) = time.slept
    assert asks <= slept <= asks + min(1.0, 0.1 * asks)


@pytest.mark.parametrize("said", [{}, {"Retry-After": "-4"}, {"Retry-After": "soon"}])
def test_without_a_word_the_waits_double_and_half_of_each_is_random(said: dict[str, str]) -> None:
    time = Time()
    retries = Retries(max_retries=6, wait_initial=1, wait_max=8)
    with pytest.raises(RateLimitedError):
        ask(Asked(refusing(429, **said)), time, retries=retries)
    longest = [1, 2, 4, 8, 8, 8]
    assert all(b / 2 <= a <= b for a, b in zip(time.slept, longest, strict=True))
    assert len(set(time.slept)) == 6


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_for_too_long_a_wait_is_not_slept_over(status: int) -> None:
    asked, time = Asked(refusing(status, Retry_After="275000"), GOOD), Time()
    with pytest.raises(RetryLaterError, match="275000 s, longer than the 120 s") as error:
        ask(asked, time)
    assert (len(asked.requests), time.slept) == (1, [])
    assert (error.value.status, error.value.retry_after) == (status, 275000.0)


def test_a_wait_that_the_deadline_does_not_allow_is_not_begun() -> None:
    asked, time = Asked(refusing(429, Retry_After="60"), GOOD), Time()
    with pytest.raises(RateLimitedError):
        ask(asked, time, timeout=Timeout(total=30))
    assert (len(asked.requests), time.slept) == (1, [])


def test_a_spent_limit_holds_the_next_request_back() -> None:
    time = Time()
    last = httpx.Response(200, json=chat_answer(), headers={"RateLimit": '"x";r=0;t=5'})

    async def main() -> None:
        async with client(Asked(last, GOOD), time=time) as api:
            await api.chat(ASK, model="m")
            await api.chat(ASK, model="m")

    asyncio.run(main())
    assert time.slept == [5.0]


def test_a_spent_limit_holds_those_back_who_were_in_line_before() -> None:
    time = Time()
    sent: list[float] = []

    def answer(_: httpx.Request) -> httpx.Response:
        sent.append(time.now)
        spent = {"RateLimit": '"x";r=0;t=5'} if len(sent) == 1 else {}
        return httpx.Response(200, json=chat_answer(), headers=spent)

    async def main() -> None:
        async with client(Asked(answer), time=time, limits=Limits(max_concurrency=1)) as api:
            await asyncio.gather(*(api.chat(ASK, model="m") for _ in range(3)))

    asyncio.run(main())
    assert sent == [1000.0, 1005.0, 1005.0]


def test_who_waits_to_be_sent_again_holds_no_slot() -> None:
    order: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        word = "first" if b"first" in request.content else "second"
        order.append(word)
        return refusing(503) if order == ["first"] else GOOD

    async def main() -> None:
        async with client(Asked(answer), limits=Limits(max_concurrency=1)) as api:
            asks = [[{"role": "user", "content": word}] for word in ("first", "second")]
            await asyncio.gather(*(api.chat(messages, model="m") for messages in asks))

    asyncio.run(main())
    assert order == ["first", "second", "first"]


def test_the_circuit_counts_a_request_once_and_then_sends_nothing() -> None:
    asked, time = Asked(refusing(500)), Time()

    async def main() -> None:
        settings = {"breaker": Breaker(failures=3, recovery=30), "retries": Retries(max_retries=4)}
        async with client(asked, time=time, **settings) as api:
            for _ in range(3):
                with pytest.raises(ServerError):
                    await api.chat(ASK, model="m")
            assert len(asked.requests) == 15
            with pytest.raises(CircuitOpenError, match=r"server\.test failed 3 times in a row"):
                await api.chat(ASK, model="m")
            assert len(asked.requests) == 15
            time.now += 30
            with pytest.raises(ServerError):
                await api.chat(ASK, model="m")
            with pytest.raises(CircuitOpenError):
                await api.chat(ASK, model="m")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("status", "kind"), [(400, BadRequestError), (408, BusyError), (409, BusyError)]
)
def test_the_kind_of_error_follows_the_status(status: int, kind: type[ApiError]) -> None:
    with pytest.raises(kind, match=str(status)):
        ask(Asked(refusing(status)))


def test_one_breaker_for_streams_and_answers() -> None:
    asked = Asked(refusing(500))

    async def main() -> None:
        async with client(asked, breaker=Breaker(failures=2), retries=Retries(max_retries=0)) as a:
            for _ in range(2):
                with pytest.raises(ServerError):
                    await a.stream_chat(ASK, model="m").finish()
            with pytest.raises(CircuitOpenError):
                await a.chat(ASK, model="m")
        assert len(asked.requests) == 2

    asyncio.run(main())
