"""Right clients that look unusual: nothing that they do may be taken for a fault."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parent))

import urllib_client as usual


class GaveUpError(Exception):
    """Nothing more is known."""


def _body(request: dict[str, Any]) -> bytes:
    wanted = {name: request[name] for name in ("model", "messages", "stream", "max_tokens")}
    return json.dumps(wanted).encode()


def _headers(request: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {request['api_key']}", "Content-Type": "application/json"}


def no_retries(request: dict[str, Any]) -> Any:
    """Fail at the first fault."""
    return usual.run({**request, "options": {"max_retries": 0}})


def patient(request: dict[str, Any]) -> Any:
    """Retry four times, always after the same time or as told."""
    return usual.run({**request, "options": {"max_retries": 4}})


def by_urllib(request: dict[str, Any]) -> str:
    """Ask without a pool, retries or streams, and read with the simplest call there is."""
    if request["stream"]:
        raise NotImplementedError("streams")
    asked = urllib.request.Request(
        f"{request['base_url']}/chat/completions", _body(request), _headers(request)
    )
    try:
        with urllib.request.urlopen(asked, timeout=request["timeout"]) as answer:
            document = json.load(answer)
    except urllib.error.HTTPError as error:
        raise GaveUpError(f"{error.code} {error.reason}") from None
    return str(document["choices"][0]["message"]["content"])


def whole_streams(request: dict[str, Any]) -> Any:
    """Collect a stream, and hand it over as one text."""
    result = usual.run(request)
    return result if isinstance(result, dict) else "".join(result)


def letter_by_letter(request: dict[str, Any]) -> Any:
    """Hand a stream over in other parts than it came in."""
    result = usual.run(request)
    return result if isinstance(result, dict) else (letter for text in result for letter in text)


def resuming(request: dict[str, Any]) -> Any:
    """Ask again for a stream that broke, and leave out what was delivered."""
    return _resume(request) if request["stream"] else usual.run(request)


def _resume(request: dict[str, Any]) -> Iterator[str]:
    delivered = 0
    for attempt in (1, 2, 3):
        try:
            for number, text in enumerate(usual.run(request)):
                if number >= delivered:
                    delivered += 1
                    yield text
            return
        except usual.ClientError:
            if attempt == 3:
                raise


def returns_async(request: dict[str, Any]) -> Any:
    """Return an async iterator from a plain function, and a coroutine for a plain answer."""
    return _stream_async(request) if request["stream"] else _plain_async(request)


async def _plain_async(request: dict[str, Any]) -> dict[str, Any]:
    async with httpx.AsyncClient(timeout=request["timeout"], verify=False) as http:
        url = f"{request['base_url']}/chat/completions"
        answer = await http.post(url, content=_body(request), headers=_headers(request))
    if answer.status_code != 200:
        raise GaveUpError(f"HTTP {answer.status_code}")
    return {"text": answer.json()["choices"][0]["message"]["content"], "finish_reason": "stop"}


async def _stream_async(request: dict[str, Any]) -> AsyncIterator[str]:
    url, ended = f"{request['base_url']}/chat/completions", False
    async with (
        httpx.AsyncClient(timeout=request["timeout"], verify=False) as http,
        http.stream("POST", url, content=_body(request), headers=_headers(request)) as answer,
    ):
        if answer.status_code != 200:
            raise GaveUpError(f"HTTP {answer.status_code}")
        async for line in answer.aiter_lines():
            data = line.removeprefix("data:").strip()
            ended = ended or data == "[DONE]"
            if not line.startswith("data:") or ended:
                continue
            for text in usual.read_event(data):
                yield text
    if not ended:
        raise GaveUpError("incomplete stream")


async def total_timeout(request: dict[str, Any]) -> Any:
    """Keep one time-out over everything, and never wait beyond it."""
    try:
        return await asyncio.wait_for(_collect(request), request["timeout"])
    except TimeoutError:
        raise GaveUpError("the time is over") from None


async def _collect(request: dict[str, Any]) -> Any:
    if not request["stream"]:
        return await _plain_async(request)
    return "".join([text async for text in _stream_async(request)])


_failures: dict[str, tuple[int, float]] = {}
_lock = threading.Lock()


def circuit_breaker(request: dict[str, Any]) -> Any:
    """After a failure, refuse at once to ask that server again for a while."""
    failures, until = _failures.get(request["base_url"], (0, 0.0))
    if failures and time.monotonic() < until:
        raise GaveUpError("circuit open: this server has just failed")
    return _guarded(request) if request["stream"] else next(iter(_guarded(request)))


def _guarded(request: dict[str, Any]) -> Iterator[Any]:
    try:
        result = usual.run(request)
        yield from [result] if isinstance(result, dict) else result
    except usual.ClientError:
        with _lock:
            _failures[request["base_url"]] = (1, time.monotonic() + 5.0)
        raise


def talkative(request: dict[str, Any]) -> Any:
    """Print a lot, but no key, and raise errors of many lines."""
    print("asking", request["base_url"], request["model"], flush=True)
    try:
        return usual.run({**request, "options": {"max_retries": 1}})
    except usual.ClientError as error:
        raise GaveUpError(f"it failed:\n  {error}\n  see the log") from error
