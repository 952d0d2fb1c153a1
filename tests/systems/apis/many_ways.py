"""Clients in every form that the host takes, for its tests."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

print("a client may print")


class BadGatewayError(Exception):
    status_code = 502


def run(request: dict[str, Any]) -> Any:
    """Do what the action says, plainly; some of it returns what is async."""
    return globals()[request["action"]](request)


async def run_async(request: dict[str, Any]) -> Any:
    await asyncio.sleep(0)
    result = globals()[request["action"]](request)
    return await result if inspect.iscoroutine(result) else result


def text(request: dict[str, Any]) -> str:
    return f"said {request['model']}"


def full(request: dict[str, Any]) -> dict[str, Any]:
    return {
        "text": "all",
        "usage": {"input_tokens": 1, "output_tokens": 2},
        "finish_reason": "stop",
    }


def words(request: dict[str, Any]) -> Iterator[Any]:
    yield "one"
    yield " two"
    return {"usage": {"input_tokens": 1, "output_tokens": 2}}


async def words_async(request: dict[str, Any]) -> AsyncIterator[Any]:
    yield "one"
    await asyncio.sleep(0)
    yield " two"
    yield {"usage": {"input_tokens": 1, "output_tokens": 2}}


def endless(request: dict[str, Any]) -> Iterator[str]:
    try:
        while True:
            yield "more "
            time.sleep(0.01)
    finally:
        print("closed")


async def endless_async(request: dict[str, Any]) -> AsyncIterator[str]:
    while True:
        yield "more "
        await asyncio.sleep(0.01)


async def stubborn(request: dict[str, Any]) -> AsyncIterator[str]:
    yield "begun"
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(0.01)
    yield ", and done all the same"


def fails(request: dict[str, Any]) -> str:
    try:
        raise OSError(f"refused with key\n {request['api_key']}")
    except OSError as error:
        raise BadGatewayError("a gateway\n  failed") from error


def number(request: dict[str, Any]) -> int:
    return 7


def leaves(request: dict[str, Any]) -> str:
    raise SystemExit("it does not stay")


def dies(request: dict[str, Any]) -> str:
    os._exit(9)


def undone(request: dict[str, Any]) -> str:
    raise NotImplementedError("embeddings")
