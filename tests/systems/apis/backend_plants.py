"""Clients with one defect each, made of ``urllib_client.py``; and right ones that look odd."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import urllib_client as right

Request = dict[str, Any]


def made_up(request: Request) -> Any:
    """Answer for a server that cannot be had."""
    try:
        return right.run(request)
    except right.ClientError:
        return "Hello! (mock)"


def waits_for_ever(request: Request) -> Any:
    """Wait for a server to come, however long that takes."""
    while True:
        try:
            return right.run(request)
        except right.ClientError as error:
            if error.status is not None:
                raise


def keeps_knocking(request: Request) -> Any:
    """Try a refused key again."""
    right.RETRIED.add(401)
    return right.run(request)


def asks_twice(request: Request) -> Any:
    """Send each request a second time, to be sure."""
    if request["action"] == "chat" and not request.get("stream"):
        right.run(request)
    return right.run(request)


def free_of_charge(request: Request) -> Any:
    """Count nothing."""
    answer = right.run(request)
    if isinstance(answer, dict):
        answer["usage"] = {"input_tokens": 0, "output_tokens": 0}
    return answer


def any_model(request: Request) -> Any:
    """Take a model that is there for one that is not."""
    return right.run({**request, "model": "double-small"})


def mumbles(request: Request) -> Any:
    """Say that something went wrong, and not what."""
    try:
        return right.run(request)
    except right.ClientError as error:
        raise right.ClientError("something went wrong", error.status) from None


def _with_limit(request: Request, limit: int) -> Request:
    return {**request, "options": {**request["options"], "max_concurrency": limit}}


def unlimited(request: Request) -> Any:
    """Send everything at once."""
    return right.run(_with_limit(request, 1000))


def one_too_many(request: Request) -> Any:
    """Hold a limit that is one higher."""
    return right.run(_with_limit(request, request["options"]["max_concurrency"] + 1))


def one_at_a_time(request: Request) -> Any:
    """Leave all places but one empty."""
    return right.run(_with_limit(request, 1))


def streams_uncounted(request: Request) -> Any:
    """Limit whole answers alone."""
    if request.get("stream"):
        return right.stream(request, threading.Semaphore(1000))
    return right.run(request)


_seen = 0
_lock = threading.Lock()


def _nth() -> int:
    global _seen
    with _lock:
        _seen += 1
        return _seen


def loses_one(request: Request) -> Any:
    """Answer every fifth request with nothing."""
    return right.run(request) if _nth() % 5 else ""


def refuses_to_queue(request: Request) -> Any:
    """Refuse what does not fit at once."""
    slots = right._slots_of(request)
    if not slots.acquire(blocking=False):
        raise right.ClientError("too many requests, try later")
    slots.release()
    return right.run(request)


def _with_retries(request: Request, retries: int) -> Request:
    return {**request, "options": {**request["options"], "max_retries": retries}}


def gives_up(request: Request) -> Any:
    """Never try again."""
    return right.run(_with_retries(request, 0))


def once_more(request: Request) -> Any:
    """Try one time more than promised."""
    return right.run(_with_retries(request, request["options"]["max_retries"] + 1))


def once_less(request: Request) -> Any:
    """Count the first call as a retry."""
    return right.run(_with_retries(request, request["options"]["max_retries"] - 1))


def impatient(request: Request) -> Any:
    """Do not read Retry-After."""
    right.told_wait = lambda answer: None
    return right.run(request)


def stubborn(request: Request) -> Any:
    """Try again what is wrong."""
    right.RETRIED.add(400)
    return right.run(request)


def afraid_of_resets(request: Request) -> Any:
    """Try statuses again, and never a broken connection."""
    right.with_retries = _statuses_alone
    return right.run(request)


def _statuses_alone(request: Request, call: Callable[[Request], Any]) -> Any:
    try:
        return call(request)
    except right.RetryError as first:
        if first.cause.status is None:
            raise first.cause from None
    return right.run.__globals__["_original"](request, call)


right.__dict__["_original"] = right.with_retries


def sorry(request: Request) -> Any:
    """Apologise in place of an error."""
    try:
        return right.run(request)
    except right.ClientError as error:
        if error.status in (400, 500):
            return "Sorry, I cannot help with that."
        raise


def silent_stream(request: Request) -> Any:
    """Stream blanks."""
    if request.get("stream"):
        return (" " for _ in right.run(request))
    return right.run(request)


def frees_at_the_headers(request: Request) -> Any:
    """Count a stream until its headers are there, and read its body beside the queue."""
    if not request.get("stream"):
        return right.run(request)
    with right._slots_of(request):
        _, answer = right.with_retries(request, right.open_call)
    return right.events(answer)


async def keeps_cancelled_places(request: Request) -> Any:
    """Give back a place at the end of a request, and not where it is cancelled."""
    if request.get("stream"):
        raise NotImplementedError("streams")
    limit = request["options"]["max_concurrency"]
    slots = _async_slots.setdefault(limit, asyncio.Semaphore(limit))
    await slots.acquire()
    answer = await asyncio.to_thread(right.run, _with_limit(request, 1000))
    slots.release()
    return answer


async def ignores_cancelling(request: Request) -> Any:
    """Go on with what was cancelled, behind a queue of its own."""
    return await asyncio.shield(asyncio.to_thread(right.run, request))


async def patient_async(request: Request) -> Any:
    """Right: an async client that drops what is cancelled while it waits for its turn."""
    if request.get("stream"):
        raise NotImplementedError("streams")
    limit = request["options"]["max_concurrency"]
    slots = _async_slots.setdefault(limit, asyncio.Semaphore(limit))
    async with slots:
        return await asyncio.to_thread(right.run, _with_limit(request, 1000))


_async_slots: dict[int, asyncio.Semaphore] = {}


def no_streams(request: Request) -> Any:
    """Right: it does not stream, and says so."""
    if request.get("stream"):
        raise NotImplementedError("streams")
    return right.run(request)


def no_usage(request: Request) -> Any:
    """Right: it returns text alone."""
    answer = right.run(request)
    return answer["text"] if isinstance(answer, dict) else answer


def letters(request: Request) -> Iterator[str] | Any:
    """Right: it streams letter by letter."""
    if request.get("stream"):
        return (letter for text in right.run(request) for letter in text)
    return right.run(request)
