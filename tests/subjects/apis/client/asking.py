"""Clients for tests: a transport of answers in memory, and a clock that only sleeping moves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import httpx

from proofbook_subjects.apis.client import ApiClient, Breaker, Outside, Retries


class Time:
    """A clock that stands still until somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    @property
    def outside(self) -> Outside:
        return Outside(
            clock=lambda: self.now,
            wall_clock=lambda: 1_800_000_000.0 + self.now,
            sleep=self.sleep,
            random=random.Random(7),
        )


Answering = Callable[[httpx.Request], httpx.Response]


class Asked:
    """Answers in order, the last again and again; remembers what was asked."""

    def __init__(self, *answers: httpx.Response | Exception | Answering) -> None:
        self._answers = answers
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return httpx.Response(
                answer.status_code, headers=answer.headers, content=answer.content
            )
        return answer(request)


def client(
    asked: Asked, backend: str = "openai_api", time: Time | None = None, **settings: Any
) -> ApiClient:
    """A client whose server is ``asked``."""
    settings.setdefault("base_url", "http://server.test/v1")
    settings.setdefault("api_key", "sk-test-0123456789")
    settings.setdefault("retries", Retries(max_retries=2))
    settings.setdefault("breaker", Breaker(failures=0))
    return ApiClient(
        backend,
        transport=httpx.MockTransport(asked),
        outside=(time or Time()).outside,
        **settings,
    )
