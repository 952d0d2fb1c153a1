"""Make a server of a protocol: keys, refusals, and the mark that says that it is a double."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proofbook_subjects.apis.doubles.echo import KEY
from proofbook_subjects.apis.doubles.protocol import Protocol, RefusedError, route

__all__ = ["HEADER", "build_double", "load_protocol"]

HEADER = "X-Proofbook-Double"
"""In every answer of a double, with the protocol's name."""
_HEALTH = "/health"


def load_protocol(name: str) -> Protocol:
    """Return the protocol of that name; each is the ``PROTOCOL`` of a module of that name."""
    protocol = importlib.import_module(f"{__package__}.{name}").PROTOCOL
    assert isinstance(protocol, Protocol)
    return protocol


def build_double(name: str, *, pause: float = 0.0) -> ASGIApp:
    """Return the server, with ``pause`` seconds before each piece of a stream.

    ``GET /health`` answers without a key in every protocol, so that a runbook can wait for it.
    """
    protocol = load_protocol(name)
    own = [each for each in protocol.routes if each.path == _HEALTH]
    health = own or [route(_HEALTH, _healthy, "GET")]
    app = Starlette(
        routes=[*health, *protocol.routes],
        exception_handlers={RefusedError: _refused, HTTPException: _strayed(protocol)},
    )
    app.state.pause = pause
    return _Gate(app, protocol, name)


class _Gate:
    """Lets those in who have the key, and marks every answer.

    Plain ASGI, since starlette's own middleware buffers a stream.
    """

    def __init__(self, app: ASGIApp, protocol: Protocol, name: str) -> None:
        self._app, self._protocol = app, protocol
        self._headers = {**protocol.headers, HEADER: name}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        request = Request(scope)
        key, path = self._protocol.find_key(request), request.url.path
        if path == _HEALTH or key == KEY or self._protocol.is_public(path):
            await self._app(scope, receive, marked)
        else:
            await self._protocol.wrong_key(key).response()(scope, receive, marked)


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("")


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return error.response()


def _strayed(protocol: Protocol) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return protocol.wrong_route(request, error.status_code).response()

    return answer
