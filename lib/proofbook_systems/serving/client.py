"""Send HTTP requests to a server; each answer is verified, and each fault is one line.

Knows no server's contract: a system's own client names the requests and the models of the answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from proofbook.errors import SubjectError

__all__ = ["JsonClient", "ServerError", "shorten"]

_ANSWER_SECONDS = 60.0
"""For an ordinary answer: the first one comes while the server warms up."""
_CONNECT_SECONDS = 5.0
_LONGEST = 160

_A = TypeVar("_A", bound=BaseModel)


class ServerError(SubjectError):
    """The server gave no answer, or not the one that its contract promises.

    ``status`` is the HTTP status, or None where there was no answer.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class JsonClient:
    """A connection to the server at ``url``; proxies of the environment are not used."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        timeout = httpx.Timeout(_CONNECT_SECONDS, read=_ANSWER_SECONDS)
        self._http = httpx.Client(
            base_url=url, timeout=timeout, trust_env=False, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return the answer to a request; ``options`` are httpx's.

        Raises:
            ServerError: There is none, or its status is no success.
        """
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise _fault(method, path, error) from error
        _refuse_failure(method, path, response)
        return response

    def get(self, path: str, model: type[_A], **options: Any) -> _A:
        """Return what a GET answers, as a model.

        Raises:
            ServerError: There is no answer, or another one than the model.
        """
        return self.parse(self.send("GET", path, **options), model)

    def parse(self, response: httpx.Response, model: type[_A]) -> _A:
        """Return an answer as a model.

        Raises:
            ServerError: It is something else.
        """
        request = f"{response.request.method} {response.request.url.path}"
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            kind = response.headers.get("content-type", "no content type")
            raise ServerError(
                f"{request} answers something else than promised ({kind}): "
                f"{f'{where}: ' if where else ''}{first['msg']}; it begins "
                f"{shorten(response.text)!r}",
                status=response.status_code,
            ) from error

    @contextmanager
    def stream(self, path: str, timeout: float) -> Iterator[httpx.Response]:
        """Yield a GET's answer while it is still sent.

        Args:
            path: What is asked for.
            timeout: Seconds without a byte after which it is given up.

        Raises:
            ServerError: It cannot be opened, breaks, or stalls.
        """
        limits = httpx.Timeout(_CONNECT_SECONDS, read=timeout)
        try:
            with self._http.stream("GET", path, timeout=limits) as response:
                _refuse_failure("GET", path, response)
                yield response
        except httpx.HTTPError as error:
            raise _fault("GET", path, error) from error


def shorten(text: str) -> str:
    """Return a text's beginning on one line, for messages."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _refuse_failure(method: str, path: str, response: httpx.Response) -> None:
    if response.is_success:
        return
    response.read()
    detail = response.text
    try:
        body = json.loads(detail)
        detail = str(body["detail"]) if isinstance(body, dict) and "detail" in body else detail
    except ValueError:
        detail = f"{response.headers.get('content-type', 'no content type')}: {detail}"
    raise ServerError(
        f"{method} {path} answers {response.status_code} ({shorten(detail)})",
        status=response.status_code,
    )


def _fault(method: str, path: str, error: httpx.HTTPError) -> ServerError:
    match error:
        case httpx.ConnectError():
            what = "nothing listens there"
        case httpx.TimeoutException():
            what = "no answer in time"
        case _:
            what = f"the connection broke ({error or type(error).__name__})"
    return ServerError(f"{method} {path}: {what}")
