"""What a call costs: by our client, by bare httpx, by a raw socket, and by litellm.

All sides ask one small server in a process of its own, on connections that are kept. Each
measurement runs on an event loop in a thread of its own, as a notebook's own is busy.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import math
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from proofbook.caching import cache_root
from proofbook.errors import SubjectError
from proofbook.processes import TemporaryFolder, supervise
from proofbook_bench.programs import litellm_calls
from proofbook_subjects.apis.client import ApiClient, Limits, Retries
from proofbook_subjects.apis.clients.references import PACKAGES
from proofbook_subjects.apis.environments import make_environment

__all__ = ["ApiCalls", "Scheduled", "bar_here", "best_schedule", "start_api_calls"]

T = TypeVar("T")

_MESSAGES = [{"role": "user", "content": "hello"}]
_MODEL = "quick"
_KEY = "sk-test-key"
_WARM = 10
_PATIENCE = 600.0
_PAUSE = 0.05


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """How N requests of d seconds went at limit k."""

    seconds: float
    ideal: float
    """⌈N/k⌉ d."""
    peak: int
    """Most in flight at once, as the server saw it."""
    calls: int

    @property
    def ratio(self) -> float:
        """The time, as a part of the ideal one."""
        return self.seconds / self.ideal


@dataclass(frozen=True, kw_only=True)
class ApiCalls:
    """The sides, against one server."""

    url: str
    """With ``/v1``."""

    def client_seconds(self, calls: int, *, cpu: bool) -> float:
        """Return what a chat takes by our client, on average: CPU time, or by the clock."""

        async def work() -> float:
            async with self._client() as api:
                return await _average(lambda: api.chat(_MESSAGES, model=_MODEL), calls, cpu)

        return _in_thread(work())

    def httpx_seconds(self, calls: int, *, cpu: bool) -> float:
        """Return what the same request takes by bare httpx."""

        async def work() -> float:
            headers = {"Authorization": f"Bearer {_KEY}"}
            async with httpx.AsyncClient(headers=headers, trust_env=False) as http:

                async def ask() -> str:
                    body = {"model": _MODEL, "messages": _MESSAGES}
                    answer = await http.post(f"{self.url}/chat/completions", json=body)
                    answer.raise_for_status()
                    text: str = answer.json()["choices"][0]["message"]["content"]
                    return text

                return await _average(ask, calls, cpu)

        return _in_thread(work())

    def client_first_event(self, calls: int, after: float) -> float:
        """Return when a stream's first text is there, in seconds; the median of ``calls``."""

        async def work() -> float:
            async with self._client() as api:

                async def first() -> float:
                    began = time.perf_counter()
                    stream = api.stream_chat(_MESSAGES, model=_MODEL, extra={"seconds": after})
                    async with stream:
                        deltas = aiter(stream)
                        await anext(deltas)
                        taken = time.perf_counter() - began
                        async for _ in deltas:
                            continue
                    return taken

                return await _median(first, calls)

        return _in_thread(work())

    def httpx_first_event(self, calls: int, after: float) -> float:
        """Return when the first bytes of a stream's body are there, by bare httpx."""
        body = {"model": _MODEL, "messages": _MESSAGES, "stream": True, "seconds": after}

        async def work() -> float:
            async with httpx.AsyncClient(trust_env=False) as http:

                async def first() -> float:
                    began = time.perf_counter()
                    url = f"{self.url}/chat/completions"
                    async with http.stream("POST", url, json=body) as answer:
                        pieces = answer.aiter_bytes()
                        await anext(pieces)
                        taken = time.perf_counter() - began
                        async for _ in pieces:
                            continue
                    return taken

                return await _median(first, calls)

        return _in_thread(work())

    def socket_first_event(self, calls: int, after: float) -> float:
        """Return when the first event's bytes are there, on a raw socket."""

        async def work() -> float:
            address = httpx.URL(self.url)
            reader, writer = await asyncio.open_connection(address.host, address.port)

            async def first() -> float:
                began = time.perf_counter()
                writer.write(self._raw_request(after))
                await reader.readuntil(b"data: ")
                taken = time.perf_counter() - began
                await reader.readuntil(b"\r\n0\r\n\r\n")
                return taken

            try:
                return await _median(first, calls)
            finally:
                writer.close()

        return _in_thread(work())

    def schedule(
        self, requests: int, limit: int, seconds: float, *, stream: bool = False
    ) -> Scheduled:
        """Send ``requests`` at once, each of which takes the server ``seconds``."""
        extra = {"seconds": seconds}

        async def work() -> Scheduled:
            async with self._client(limit) as api:

                async def one() -> None:
                    if stream:
                        await api.stream_chat(_MESSAGES, model=_MODEL, extra=extra).finish()
                    else:
                        await api.chat(_MESSAGES, model=_MODEL, extra=extra)

                return await self._watched(one, requests, limit, seconds)

        return _in_thread(work())

    def schedule_httpx(
        self, requests: int, limit: int, seconds: float, *, stream: bool = False
    ) -> Scheduled:
        """Do the same with bare httpx and a semaphore: what this machine allows."""
        body = {"model": _MODEL, "messages": _MESSAGES, "seconds": seconds, "stream": stream}

        async def work() -> Scheduled:
            slots = asyncio.Semaphore(limit)
            async with httpx.AsyncClient(trust_env=False) as http:

                async def one() -> None:
                    url = f"{self.url}/chat/completions"
                    async with slots, http.stream("POST", url, json=body) as answer:
                        async for _ in answer.aiter_lines():
                            continue

                return await self._watched(one, requests, limit, seconds)

        return _in_thread(work())

    async def _watched(
        self, one: Callable[[], Coroutine[Any, Any, None]], requests: int, limit: int, each: float
    ) -> Scheduled:
        async with httpx.AsyncClient(
            base_url=self.url.removesuffix("/v1"), trust_env=False
        ) as http:
            await http.get("/reset")
            began = time.perf_counter()
            await asyncio.gather(*(one() for _ in range(requests)))
            taken = time.perf_counter() - began
            seen = (await http.get("/seen")).json()
        ideal = math.ceil(requests / limit) * each
        return Scheduled(seconds=taken, ideal=ideal, peak=seen["peak"], calls=seen["calls"])

    def litellm_seconds(self, calls: int) -> tuple[float, ...]:
        """Return what each call takes by litellm, in an environment of its own.

        Raises:
            SubjectError: The environment cannot be made, or litellm fails.
        """
        python = make_environment("litellm", [PACKAGES["litellm"]], cache_root())
        words = [str(python), str(litellm_calls.__file__), self.url, str(calls)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_PATIENCE)
        if done.returncode:
            raise SubjectError((done.stderr.strip().splitlines() or ["litellm failed"])[-1])
        return tuple(json.loads(done.stdout.strip().splitlines()[-1]))

    def _client(self, limit: int = 8) -> ApiClient:
        return ApiClient(
            "openai_api",
            base_url=self.url,
            api_key=_KEY,
            limits=Limits(max_concurrency=limit),
            retries=Retries(max_retries=0),
            trust_env=False,
        )

    def _raw_request(self, after: float) -> bytes:
        body = {"model": _MODEL, "messages": _MESSAGES, "stream": True, "seconds": after}
        data = json.dumps(body).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n"
        return f"{head}Content-Type: application/json\r\n\r\n".encode() + data


def start_api_calls() -> ApiCalls:
    """Start the server, which ends with this process, and return the sides that ask it.

    Raises:
        SubjectError: It does not start.
    """
    folder = TemporaryFolder("bench-api-")
    words = [sys.executable, "-m", "proofbook_bench.programs.quick_api"]
    program = supervise(words, log=folder.path / "log", name="the small server")
    atexit.register(folder.remove)
    atexit.register(program.stop, 0)
    while not (printed := program.tail().strip()).isdigit():
        if program.wait(_PAUSE):
            raise SubjectError(f"the small server {program.state}: {printed!r}")
    return ApiCalls(url=f"http://127.0.0.1:{printed}/v1")


def bar_here(bar: float, control: float) -> float:
    """Return the bar that this machine allows: ``bar``, unless the control itself misses it.

    Where other people's work keeps even bare httpx from it, the subject is held to ``bar`` times
    what httpx took.
    """
    return bar if control <= bar else bar * control


def best_schedule(found: Sequence[Scheduled]) -> Scheduled:
    """Return the round that was disturbed least."""
    return min(found, key=lambda each: each.ratio)


async def _average(ask: Callable[[], Awaitable[object]], calls: int, cpu: bool) -> float:
    for _ in range(_WARM):
        await ask()
    clock = time.thread_time if cpu else time.perf_counter
    began = clock()
    for _ in range(calls):
        await ask()
    return (clock() - began) / calls


async def _median(first: Callable[[], Awaitable[float]], calls: int) -> float:
    for _ in range(_WARM):
        await first()
    return statistics.median([await first() for _ in range(calls)])


def _in_thread(work: Coroutine[Any, Any, T]) -> T:
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]
