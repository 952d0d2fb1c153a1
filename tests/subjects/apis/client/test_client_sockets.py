"""Real sockets that are reset, cut, held back: nothing lost, nothing doubled, nothing waits on."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from scripted_server import (
    ASK,
    DONE,
    HANG,
    Seen,
    Server,
    Wire,
    chat_answer,
    chat_event,
    head,
    serving,
)

from proofbook_subjects.apis.client import (
    ApiClient,
    Breaker,
    Limits,
    Retries,
    StreamBrokenError,
    Timeout,
)
from proofbook_subjects.apis.client.errors import (
    ApiError,
    ApiTimeoutError,
    ConnectionLostError,
    QueueTimeoutError,
)

Fault = Callable[[Wire], Awaitable[None]]
QUICK = Retries(max_retries=2, wait_initial=0.001, wait_max=0.002)


def at(server: Server, **settings: Any) -> ApiClient:
    settings.setdefault("retries", QUICK)
    settings.setdefault("breaker", Breaker(failures=0))
    return ApiClient(
        "openai_api", base_url=server.url, api_key="sk-test-key", trust_env=False, **settings
    )


async def reset_before_headers(wire: Wire) -> None:
    wire.reset()


async def reset_in_headers(wire: Wire) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
    wire.reset()


async def closed_before_headers(wire: Wire) -> None:
    wire.writer.close()


async def shorter_than_promised(wire: Wire) -> None:
    await wire.send(head(200, "application/json", {"Content-Length": "500"}) + b'{"choices"')
    wire.writer.close()


async def truncated_chunk(wire: Wire) -> None:
    await wire.start_stream("application/json")
    await wire.send(b"40\r\n" + b'{"choices": [')
    wire.writer.close()


async def no_last_chunk(wire: Wire) -> None:
    await wire.start_stream("application/json")
    await wire.chunk(b'{"choices": [')
    wire.writer.write_eof()


BREAKS = [
    reset_before_headers,
    reset_in_headers,
    closed_before_headers,
    shorter_than_promised,
    truncated_chunk,
    no_last_chunk,
]


@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: fault.__name__)
def test_a_broken_answer_is_asked_for_again(fault: Fault) -> None:
    async def handler(wire: Wire, _: Seen, number: int) -> None:
        await (fault(wire) if number == 0 else wire.answer(chat_answer()))

    async def main() -> None:
        async with serving(handler) as server, at(server) as api:
            answer = await api.chat(ASK, model="m")
            assert (answer.text, answer.timing.attempts, len(server.seen)) == ("hello you", 2, 2)

    asyncio.run(main())


@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: fault.__name__)
def test_one_that_is_always_broken_is_a_lost_connection(fault: Fault) -> None:
    async def handler(wire: Wire, _: Seen, __: int) -> None:
        await fault(wire)

    async def main() -> None:
        async with serving(handler) as server, at(server) as api:
            with pytest.raises(ConnectionLostError, match=f"^{server.url}/chat/completions: "):
                await api.chat(ASK, model="m")
            assert len(server.seen) == 3
            assert api.in_flight == 0

    asyncio.run(main())


async def broken_stream(wire: Wire, end: str) -> None:
    await wire.start_stream()
    for word in ("one ", "two "):
        await wire.chunk(chat_event(word))
    if end == "reset":
        await asyncio.sleep(0.01)  # what was sent before should arrive
        wire.reset()
    elif end == "truncated":
        await wire.send(b"100\r\ndata: {")
        wire.writer.close()
    elif end == "half-close":
        wire.writer.write_eof()
        await asyncio.sleep(HANG)
    else:
        await asyncio.sleep(HANG)


@pytest.mark.parametrize("end", ["reset", "truncated", "half-close", "hang"])
def test_a_stream_that_breaks_delivers_each_piece_once(end: str) -> None:
    async def handler(wire: Wire, _: Seen, __: int) -> None:
        await broken_stream(wire, end)

    async def main() -> None:
        patience = Timeout(read=1 if end == "hang" else HANG)
        async with serving(handler) as server, at(server, timeout=patience) as api:
            pieces: list[str] = []
            with pytest.raises(StreamBrokenError) as error:
                async for delta in api.stream_chat(ASK, model="m"):
                    pieces.append(delta.text)
            assert pieces == ["one ", "two "]
            assert error.value.delivered == "one two "
            assert (len(server.seen), api.in_flight) == (1, 0)

    asyncio.run(main())


def test_a_silent_server_is_given_up_and_its_slot_is_free() -> None:
    async def handler(_: Wire, seen: Seen, number: int) -> None:
        await asyncio.sleep(HANG)

    async def main() -> None:
        async with serving(handler) as server, at(server, timeout=Timeout(read=0.05)) as api:
            with pytest.raises(
                ApiTimeoutError, match=r"silent for longer than Timeout\(read=0\.05\)"
            ):
                await api.chat(ASK, model="m")
            assert (len(server.seen) <= 3, api.in_flight) == (True, 0)
        async with serving(handler) as server, at(server, timeout=Timeout(total=0.05)) as api:
            with pytest.raises(ApiTimeoutError, match=r"Timeout\(total=0\.05\), in attempt 1"):
                await api.chat(ASK, model="m")
            assert (len(server.seen) <= 1, api.in_flight) == (True, 0)

    asyncio.run(main())


def test_a_turn_that_does_not_come_is_its_own_error() -> None:
    async def handler(_: Wire, seen: Seen, number: int) -> None:
        await asyncio.sleep(HANG)

    async def main() -> None:
        settings = {"limits": Limits(max_concurrency=1), "timeout": Timeout(queue=0.05)}
        async with serving(handler) as server, at(server, **settings) as api:
            first = asyncio.create_task(api.chat(ASK, model="m"))
            while not server.seen:
                await asyncio.sleep(0.005)
            with pytest.raises(QueueTimeoutError, match=r"Timeout\(queue=0\.05\): 1 requests are"):
                await api.chat(ASK, model="m")
            with pytest.raises(QueueTimeoutError, match="still waited for its turn"):
                await api.chat(ASK, model="m", timeout=Timeout(total=0.02))
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            assert (api.in_flight, api.waiting, len(server.seen)) == (0, 0, 1)

    asyncio.run(main())


def test_cancelled_requests_are_never_sent_and_free_their_slots() -> None:
    release = asyncio.Event()

    async def handler(wire: Wire, _: Seen, __: int) -> None:
        await release.wait()
        await wire.answer(chat_answer())

    async def main() -> None:
        async with serving(handler) as server, at(server, limits=Limits(max_concurrency=2)) as api:
            tasks = [asyncio.create_task(api.chat(ASK, model="m")) for _ in range(6)]
            while len(server.seen) < 2:
                await asyncio.sleep(0.005)
            for task in (tasks[0], tasks[2], tasks[3]):  # one in flight, two that wait
                task.cancel()
            release.set()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            cancelled = [isinstance(end, asyncio.CancelledError) for end in ends]
            assert cancelled == [True, False, True, True, False, False]
            assert (len(server.seen), api.in_flight, server.peak) == (4, 0, 2)

    asyncio.run(main())


def test_who_waits_is_sent_away_when_the_client_is_closed() -> None:
    async def handler(_: Wire, seen: Seen, number: int) -> None:
        await asyncio.sleep(HANG)

    async def main() -> None:
        async with serving(handler) as server:
            api = at(server, limits=Limits(max_concurrency=1))
            tasks = [asyncio.create_task(api.chat(ASK, model="m")) for _ in range(2)]
            while not server.seen:
                await asyncio.sleep(0.005)
            await api.aclose()
            with pytest.raises(ApiError, match="the client was closed"):
                await tasks[1]
            tasks[0].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_thousand_under_faults_are_neither_lost_nor_doubled() -> None:
    dice = random.Random(5)
    answered: Counter[str] = Counter()

    async def whole(wire: Wire, seen: Seen, word: str) -> None:
        if not seen.json.get("stream"):
            await wire.answer(chat_answer(f"answer {word}"))
            return
        await wire.start_stream()
        for piece in ("answer", " ", word):
            await wire.chunk(chat_event(piece))
        await wire.chunk(DONE)
        await wire.end_stream()

    async def handler(wire: Wire, seen: Seen, _: int) -> None:
        word = seen.json["messages"][0]["content"]
        if dice.random() >= 0.2:
            answered[word] += 1
            await whole(wire, seen, word)
        elif dice.random() < 0.3:
            status = dice.choice([429, 500, 503])
            await wire.answer({"error": "busy"}, status, Retry_After="0.001")
        elif seen.json.get("stream") and dice.random() < 0.7:
            await broken_stream(wire, dice.choice(["reset", "truncated"]))
        else:
            await dice.choice(BREAKS)(wire)

    async def one(api: ApiClient, number: int) -> str:
        messages = [{"role": "user", "content": f"w{number}"}]
        if number % 2:
            return (await api.chat(messages, model="m")).text
        pieces: list[str] = []
        try:
            async for delta in api.stream_chat(messages, model="m"):
                pieces.append(delta.text)
        except StreamBrokenError as error:
            assert error.delivered == "".join(pieces) == "one two "
            return "broken"
        return "".join(pieces)

    async def main() -> None:
        settings = {"limits": Limits(max_concurrency=16), "retries": Retries(
            max_retries=12, wait_initial=0.001, wait_max=0.002)}  # fmt: skip
        async with serving(handler) as server, at(server, **settings) as api:
            texts = await asyncio.gather(*(one(api, number) for number in range(1000)))
            assert (api.in_flight, api.waiting) == (0, 0)
            assert server.peak <= 16
        right = [text == f"answer w{number}" for number, text in enumerate(texts)]
        broken = [text == "broken" for text in texts]
        assert all(a or b for a, b in zip(right, broken, strict=True))
        assert 20 < sum(broken) < 120
        assert set(answered.values()) == {1}
        assert len(answered) == sum(right)

    asyncio.run(main())
