"""What a double is made of: routes, who may use them, and how it refuses.

Knows no service; ``application.py`` makes a server of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

__all__ = [
    "Body",
    "Protocol",
    "RefusedError",
    "bearer",
    "ndjson",
    "read_object",
    "route",
    "sse",
    "stream",
]

Body = dict[str, Any]
"""A JSON object that a client sent."""
Handler = Callable[[Request], Awaitable[Response]]


class RefusedError(Exception):
    """An answer other than the one that was asked for: its status, and its body as JSON or text."""

    def __init__(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body, self.headers = status, body, dict(headers or {})

    def response(self) -> Response:
        """Return it as HTTP."""
        if isinstance(self.body, str):
            return PlainTextResponse(self.body, self.status, self.headers)
        return JSONResponse(self.body, self.status, self.headers)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A service's protocol, as far as a double speaks it."""

    routes: Sequence[Route]
    find_key: Callable[[Request], str | None]
    """Where a client puts its key; None where it gave none."""
    wrong_key: Callable[[str | None], RefusedError]
    """The refusal of a key, or of none."""
    wrong_route: Callable[[Request, int], RefusedError]
    """The refusal of a path (404) or a method (405)."""
    is_public: Callable[[str], bool] = lambda _path: False
    """Whether a path needs no key."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What every answer carries."""


def route(path: str, handler: Handler, method: str = "POST") -> Route:
    """Return a route for one method."""
    return Route(path, handler, methods=[method])


def bearer(request: Request) -> str | None:
    """Return the key of ``Authorization: Bearer <key>``."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


async def read_object(request: Request, refuse: Callable[[str], RefusedError]) -> Body:
    """Return the JSON object that was sent; ``refuse`` gets what is wrong with it."""
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise refuse(str(error)) from error
    if not isinstance(body, dict):
        raise refuse(f"expected an object, not {type(body).__name__}")
    return body


def stream(
    request: Request, lines: Sequence[str], kind: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer that is sent piece by piece, at the pace of the server's ``pause``."""
    pause: float = request.app.state.pause

    async def pieces() -> AsyncIterator[str]:
        for line in lines:
            # Gives way even without a pause, so that each piece is written by itself.
            await asyncio.sleep(pause)
            yield line

    return StreamingResponse(pieces(), media_type=kind, headers=dict(headers or {}))


def sse(data: object, event: str = "", *, end: str = "\n\n") -> str:
    """Return a server-sent event; a text goes as it is."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return f"event: {event}\ndata: {text}{end}" if event else f"data: {text}{end}"


def ndjson(data: object) -> str:
    """Return a line of JSON."""
    return json.dumps(data, separators=(",", ":")) + "\n"
