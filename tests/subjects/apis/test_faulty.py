"""The server that misbehaves does what a plan says, on the wire, and keeps count."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import httpx
import pytest
from waiting import HANG

from proofbook_subjects.apis.faulty.control import Control
from proofbook_subjects.apis.faulty.faults import KINDS, read_plan
from proofbook_subjects.apis.faulty.protocols import PROTOCOLS
from proofbook_subjects.apis.faulty.waits import fill_dates, wait_of

WORDS = "zero one two three vier fünf 六 seven eight nine"
PATHS = {
    "openai_api": "/v1/chat/completions", "claude": "/v1/messages", "ollama": "/api/chat",
}  # fmt: skip
HEADERS = {
    "Authorization": "Bearer test-key", "x-api-key": "test-key", "anthropic-version": "2023-06-01",
}  # fmt: skip
_R = TypeVar("_R")


class Lanes:
    """A server in this process's loop, and a client of it."""

    def __init__(self, protocol: str, control: Control, port: int, http: httpx.AsyncClient) -> None:
        self.protocol, self.control, self.port, self.http = protocol, control, port, http

    async def plan(self, *faults: dict[str, Any], **more: Any) -> None:
        await self.control.answer("POST", "/plan", self.port, {"faults": list(faults), **more})

    async def calls(self) -> list[dict[str, Any]]:
        return list(await self.control.answer("GET", "/calls", self.port, None))

    async def summary(self) -> dict[str, int]:
        return dict(await self.control.answer("GET", "/summary", self.port, None))

    def body(self, *, stream: bool = False, **more: Any) -> dict[str, Any]:
        messages = [{"role": "user", "content": WORDS}]
        return {"model": "double-small", "messages": messages, "stream": stream, "max_tokens": 99,
                **more}  # fmt: skip

    async def settled(self) -> list[dict[str, Any]]:
        """Return the calls once none is open."""
        while (await self.summary())["open"]:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
        return await self.calls()

    async def ask(self, *, stream: bool = False, **more: Any) -> httpx.Response:
        url = f"http://127.0.0.1:{self.port}{PATHS[self.protocol]}"
        return await self.http.post(url, json=self.body(stream=stream, **more), headers=HEADERS)


def on_server(use: Callable[[Lanes], Awaitable[_R]], protocol: str = "openai_api") -> _R:
    """Run what uses a server, and the server with it."""

    async def both() -> _R:
        control = Control(protocol)
        port = await control.open()
        async with httpx.AsyncClient(timeout=HANG, trust_env=False) as http:
            try:
                return await use(Lanes(protocol, control, port, http))
            finally:
                await control.answer("POST", "/close", port, None)

    return asyncio.run(both())


def said(protocol: str, body: dict[str, Any]) -> str:
    """Return the text of an answer."""
    if protocol == "openai_api":
        return str(body["choices"][0]["message"]["content"])
    return str(body["content"][0]["text"] if protocol == "claude" else body["message"]["content"])


def streamed(protocol: str, text: str) -> str:
    """Return the text of a stream, read as its protocol says."""

    def parts() -> Iterator[str]:
        for line in text.splitlines():
            line = line.removeprefix("data:").strip()
            if not line.startswith("{"):
                continue
            event = json.loads(line)
            if protocol == "openai_api":
                yield event["choices"][0]["delta"].get("content", "") if event["choices"] else ""
            elif protocol == "claude":
                yield event.get("delta", {}).get("text", "")
            else:
                yield event["message"]["content"]

    return "".join(parts())


@pytest.mark.parametrize("protocol", PATHS)
def test_without_a_plan_answers_are_right(protocol: str) -> None:
    async def use(lanes: Lanes) -> tuple[httpx.Response, httpx.Response, dict[str, int]]:
        return await lanes.ask(), await lanes.ask(stream=True), await lanes.summary()

    plain, stream, summary = on_server(use, protocol)
    assert said(protocol, plain.json()) == WORDS
    assert streamed(protocol, stream.text) == WORDS
    assert plain.headers["x-proofbook-double"] == protocol
    assert summary == {"calls": 2, "peak": 1, "open": 0}


@pytest.mark.parametrize("protocol", PATHS)
def test_wrong_key_and_unknown_model_are_refused_in_the_protocols_form(protocol: str) -> None:
    async def use(lanes: Lanes) -> list[httpx.Response]:
        url = f"http://127.0.0.1:{lanes.port}{PATHS[protocol]}"
        wrong = {name: value.replace("test-key", "other") for name, value in HEADERS.items()}
        return [
            await lanes.http.post(url, json=lanes.body(), headers=wrong),
            await lanes.ask(model="gone"),
        ]

    key, model = on_server(use, protocol)
    assert (key.status_code, model.status_code) == (401, 404)
    assert "gone" in model.text and "error" in model.json()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": WORDS}),
        ("/v1/embeddings", {"input": ["a", "b"]}),
    ],
)
def test_other_actions_of_openai_are_answered(path: str, body: dict[str, Any]) -> None:
    async def use(lanes: Lanes) -> dict[str, Any]:
        url = f"http://127.0.0.1:{lanes.port}{path}"
        document = {"model": "double-small", **body}
        return dict((await lanes.http.post(url, json=document, headers=HEADERS)).json())

    answer = on_server(use)
    if "input" in body:
        first, second = (each["embedding"] for each in answer["data"])
        assert first != second and abs(sum(x * x for x in first) - 1) < 1e-9
    else:
        assert answer["choices"][0]["text"] == WORDS


BROKEN = {
    "reset": httpx.ReadError, "close": httpx.RemoteProtocolError,
    "half_close": httpx.RemoteProtocolError, "hang": httpx.ReadTimeout,
}  # fmt: skip


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("when", ["before_headers", "in_headers", "in_body"])
@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("stream", [False, True])
def test_connections_break_where_the_plan_says(kind: str, when: str, stream: bool) -> None:
    async def use(lanes: Lanes) -> list[dict[str, Any]]:
        await lanes.plan({"kind": kind, "when": when, "after": 4})
        lanes.http.timeout = httpx.Timeout(HANG, read=0.5 if kind == "hang" else HANG)
        with pytest.raises(BROKEN[kind]):
            await lanes.ask(stream=stream)
        lanes.http.timeout = httpx.Timeout(HANG)
        assert (await lanes.ask()).status_code == 200  # the plan is used up
        return await lanes.settled()

    first, second = on_server(use)
    assert (first["fault"], second["fault"]) == (kind, "")
    assert first["parts"] == (4 if when == "in_body" else 0)
    assert second["how"] == "answered"


async def asked(lanes: Lanes) -> httpx.Response | None:
    try:
        return await lanes.ask()
    except httpx.ConnectError:
        return None


@pytest.mark.parametrize("seconds", [0.2, HANG])
def test_nothing_listens_while_connections_are_refused(seconds: float) -> None:
    async def use(lanes: Lanes) -> list[dict[str, Any]]:
        faults = {"kind": "refuse", "seconds": seconds}, {"kind": "status", "status": 503}
        await lanes.plan(*faults)
        if seconds == HANG:
            with pytest.raises(httpx.ConnectError):
                await lanes.ask()
            await lanes.plan(faults[1])  # another plan ends it
        while (answer := await asked(lanes)) is None:
            await asyncio.sleep(0.02)
        assert answer.status_code == 503
        return await lanes.settled()

    assert len(on_server(use)) == 1


def test_nobody_else_is_given_a_port_on_which_connections_are_refused() -> None:
    async def use(lanes: Lanes) -> None:
        await lanes.plan({"kind": "refuse", "seconds": HANG})
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", lanes.port))
        await lanes.plan()
        assert (await lanes.ask()).status_code == 200

    on_server(use)


def test_a_connection_reset_on_arrival_is_counted() -> None:
    async def use(lanes: Lanes) -> list[dict[str, Any]]:
        await lanes.plan({"kind": "reset", "when": "connect"})
        with pytest.raises(httpx.HTTPError):
            await lanes.ask()
        return await lanes.settled()

    (call,) = on_server(use)
    assert (call["fault"], call["method"]) == ("reset", "")


def test_a_stale_connection_answers_once_and_then_closes() -> None:
    async def use(lanes: Lanes) -> list[dict[str, Any]]:
        await lanes.plan({"kind": "stale"})
        assert (await lanes.ask()).status_code == 200
        with pytest.raises(httpx.HTTPError):
            await lanes.ask()
        return await lanes.settled()

    assert [call["fault"] for call in on_server(use)] == ["stale", "stale"]


BODIES: list[tuple[dict[str, Any], type[Exception] | None]] = [
    ({"kind": "truncated_chunk"}, httpx.RemoteProtocolError),
    ({"kind": "wrong_length"}, httpx.RemoteProtocolError),
    ({"kind": "wrong_length", "by": -150}, None),
    ({"kind": "broken_gzip"}, None),
    ({"kind": "body", "body": "<html>login</html>"}, None),
    ({"kind": "error_body"}, None),
]


@pytest.mark.parametrize(("fault", "error"), BODIES)
def test_bodies_are_broken(fault: dict[str, Any], error: type[Exception] | None) -> None:
    async def use(lanes: Lanes) -> httpx.Response | None:
        await lanes.plan(fault)
        if error is None:
            return await lanes.ask()
        with pytest.raises(error):
            await lanes.ask()
        return None

    response = on_server(use)
    if response is not None:
        assert response.status_code == 200
        assert WORDS not in response.text


@pytest.mark.parametrize("protocol", PATHS)
@pytest.mark.parametrize("how", ["crlf", "comments", "no_space", "split"])
def test_an_unusual_stream_says_the_same(protocol: str, how: str) -> None:
    async def use(lanes: Lanes) -> str:
        await lanes.plan({"kind": "unusual", "how": how})
        return (await lanes.ask(stream=True)).text

    assert streamed(protocol, on_server(use, protocol)) == WORDS


@pytest.mark.parametrize("protocol", PATHS)
@pytest.mark.parametrize("kind", ["no_end", "error_event", "duplicate", "malformed"])
def test_broken_streams_differ_from_the_right_one(protocol: str, kind: str) -> None:
    async def use(lanes: Lanes) -> tuple[str, str]:
        right = (await lanes.ask(stream=True)).text
        await lanes.plan({"kind": kind, "after": 5})
        return right, (await lanes.ask(stream=True)).text

    right, broken = on_server(use, protocol)
    assert broken != right
    ends = {"openai_api": "[DONE]", "claude": "message_stop", "ollama": '"done": true'}
    assert (ends[protocol] in broken) == (kind in ("duplicate", "malformed"))
    assert ("error" in broken) == (kind == "error_event")


def test_a_fault_befalls_as_many_calls_as_it_says_and_no_question() -> None:
    async def use(lanes: Lanes) -> list[int]:
        await lanes.plan({"kind": "status", "status": 500, "times": 2})
        models = f"http://127.0.0.1:{lanes.port}/v1/models"
        asked = [(await lanes.http.get(models, headers=HEADERS)).status_code]
        return asked + [(await lanes.ask()).status_code for _ in range(3)]

    assert on_server(use) == [200, 500, 500, 200]


def test_a_share_of_the_calls_is_the_same_for_the_same_seed() -> None:
    async def use(lanes: Lanes) -> list[list[int]]:
        runs = []
        for _ in range(2):
            fault = {"kind": "status", "status": 503}
            await lanes.plan(fault, share=0.3, seed=7)
            runs.append([(await lanes.ask()).status_code for _ in range(40)])
        return runs

    first, second = on_server(use)
    assert first == second
    assert 4 <= first.count(503) <= 20


def test_calls_in_flight_are_counted() -> None:
    async def use(lanes: Lanes) -> tuple[dict[str, int], list[dict[str, Any]]]:
        await lanes.plan({"kind": "hang", "times": None})
        asking = [asyncio.create_task(lanes.ask()) for _ in range(7)]
        while (summary := await lanes.summary())["open"] < 7:
            await asyncio.sleep(0.005)
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        return summary, await lanes.settled()

    summary, calls = on_server(use)
    assert summary == {"calls": 7, "peak": 7, "open": 7}
    assert sorted(call["in_flight"] for call in calls) == [1, 2, 3, 4, 5, 6, 7]


def test_a_client_that_goes_is_noticed_at_once() -> None:
    async def use(lanes: Lanes) -> list[dict[str, Any]]:
        await lanes.plan({"kind": "hang"})
        asking = asyncio.create_task(lanes.ask())
        while not (await lanes.summary())["open"]:
            await asyncio.sleep(0.005)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return await lanes.settled()

    (call,) = on_server(use)
    assert call["how"] == "client gone"


def test_no_key_is_in_the_log() -> None:
    async def use(lanes: Lanes) -> list[dict[str, Any]]:
        await lanes.ask()
        return await lanes.settled()

    calls = on_server(use)
    assert calls[0]["key"] == "right"
    assert "test-key" not in json.dumps(calls)


@pytest.mark.parametrize(
    "sent",
    [
        {"headers": {"xi-api-key": "sesame"}},
        {"headers": {"authorization": "Bearer sesame"}},
        {"params": {"access_token": "sesame"}},
        {"data": {"access_token": "sesame"}},
        {"json": {"access_token": "sesame"}},
    ],
    ids=["own-header", "bearer", "query", "form", "json"],
)
def test_a_key_is_told_from_another_wherever_it_is(sent: dict[str, Any]) -> None:
    async def use(lanes: Lanes) -> list[dict[str, Any]]:
        url = f"http://127.0.0.1:{lanes.port}/media"
        await lanes.http.post(url, **sent)
        await lanes.http.post(url, **json.loads(json.dumps(sent).replace("sesame", "hazel")))
        await lanes.http.post(url)
        return await lanes.settled()

    calls = on_server(use)
    assert len({call["token"] for call in calls}) == 3
    assert calls[2]["token"] == ""
    assert "sesame" not in json.dumps(calls)


def test_a_fault_befalls_the_path_that_it_names() -> None:
    async def use(lanes: Lanes) -> list[int]:
        await lanes.plan(
            {"kind": "status", "status": 500, "path": "/embeddings"},
            {"kind": "status", "status": 503},
        )
        return [(await lanes.ask()).status_code for _ in range(2)]

    assert on_server(use) == [503, 200]


@pytest.mark.parametrize(
    "document",
    [
        "x",
        [{"kind": "unknown"}],
        [{"kind": "reset", "wen": "now"}],
        [{"kind": "reset", "when": "later"}],
        {"faults": [], "shares": 1},
        {"share": 0.5},
        {"share": 0.5, "faults": [{"kind": "refuse"}]},
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match=r"plan|fault|share"):
        read_plan(document)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "-4"}, -4.0),
        ({"Retry-After": "{date+5}"}, 5.0),
        ({"retry-after-ms": "250", "Retry-After": "9"}, 0.25),
        ({"RateLimit": '"default";r=0;t=2'}, 2.0),
        ({"RateLimit-Reset": "2"}, 2.0),
        ({}, None),
        ({"Retry-After": "soon"}, None),
    ],
)
def test_what_headers_tell_to_wait_is_read_back(
    headers: dict[str, str], seconds: float | None
) -> None:
    told = wait_of(fill_dates(headers))
    assert told == pytest.approx(seconds, abs=1.01 if "{date+5}" in headers.values() else 0)


def test_behind_it_a_real_server_is_passed_through_byte_by_byte() -> None:
    async def both() -> tuple[bytes, bytes, str, dict[str, Any]]:
        behind = Control("openai_api")
        port = await behind.open()
        front = Control("openai_api", f"http://127.0.0.1:{port}")
        async with httpx.AsyncClient(timeout=HANG, trust_env=False) as http:
            direct = Lanes("openai_api", behind, port, http)
            through = Lanes("openai_api", front, await front.open(), http)
            right = await raw_answer(direct)
            passed = await raw_answer(through)
            await through.plan({"kind": "reset", "when": "in_body", "after": 2})
            broken = ""
            try:
                await through.ask(stream=True)
            except httpx.HTTPError as error:
                broken = type(error).__name__
            return right, passed, broken, (await through.settled())[0]

    right, passed, broken, call = asyncio.run(both())
    assert passed == right
    assert broken == "ReadError"
    assert (call["how"], call["status"], call["streamed"]) == ("answered", 200, True)


async def raw_answer(lanes: Lanes) -> bytes:
    """Return the bytes of a streamed answer, head and framing included."""
    body = json.dumps(lanes.body(stream=True)).encode()
    head = (
        f"POST {PATHS[lanes.protocol]} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer test-key\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", lanes.port)
    writer.write(head.encode() + body)
    answer = await reader.readuntil(b"\r\n0\r\n\r\n")
    writer.close()
    return answer


def test_every_kind_is_described_and_tried() -> None:
    assert set(KINDS) >= {"refuse", "reset", "half_close", "hang", "slow_body", "broken_gzip"}
    assert set(PROTOCOLS) == set(PATHS)
