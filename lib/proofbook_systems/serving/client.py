"""Send HTTP requests to a server; each answer is verified, and each fault is one line.

Knows no server's contract: a system's own client names the requests and the models of the answers.
"""

from __future__ import annotations

import json
import time
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
_OF_TRANSFER = ("content-encoding", "content-length", "transfer-encoding")
"""Headers of an answer that is still to be decoded."""

_A = TypeVar("_A", bound=BaseModel)


class ServerError(SubjectError):
    """The server gave no answer, or not the one that its contract promises.

    ``status`` is the HTTP status, or None where there was no answer; ``late`` says that the answer
    did not come in time.
    """

    def __init__(self, message: str, *, status: int | None = None, late: bool = False) -> None:
        self.status = status
        self.late = late
        super().__init__(message)


class JsonClient:
    """A connection to the server at ``url``; proxies of the environment are not used.

    ``answer_seconds`` is how long an answer may take for which a request gives no ``timeout``.
    """

    def __init__(
        self,
        url: str,
        *,
        answer_seconds: float = _ANSWER_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._seconds = answer_seconds
        self._prefix = httpx.URL(url).path.rstrip("/")
        self._http = httpx.Client(
            base_url=url, trust_env=False, transport=transport, follow_redirects=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return the answer to a request; ``options`` are httpx's, ``timeout`` in seconds.

        The time is that of the whole answer, which may come in pieces.

        Raises:
            ServerError: There is none, or its status is no success.
        """
        seconds = float(options.pop("timeout", self._seconds))
        try:
            with self._http.stream(method, path, timeout=_limits(seconds), **options) as begun:
                response = _read_whole(begun, time.monotonic() + seconds)
        except httpx.HTTPError as error:
            raise _fault(method, self._whole(path), error, seconds) from error
        _refuse_failure(method, self._whole(path), response)
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
        try:
            with self._http.stream("GET", path, timeout=_limits(timeout)) as response:
                _refuse_failure("GET", self._whole(path), response)
                yield response
        except httpx.HTTPError as error:
            raise _fault("GET", self._whole(path), error, timeout) from error

    def _whole(self, path: str) -> str:
        """Return a path as the server gets it, for messages; an address of its own stays."""
        return path if "://" in path else f"{self._prefix}/{path.lstrip('/')}"


def _read_whole(begun: httpx.Response, deadline: float) -> httpx.Response:
    """Read an answer to its end, and return it; httpx's own limit is between two pieces."""
    pieces = []
    for piece in begun.iter_bytes():
        pieces.append(piece)
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer has begun, and does not end", request=begun.request)
    headers = [(k, v) for k, v in begun.headers.multi_items() if k not in _OF_TRANSFER]
    return httpx.Response(
        begun.status_code, headers=headers, content=b"".join(pieces), request=begun.request
    )


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
        detail = _told(json.loads(detail)) or detail
    except ValueError:
        detail = f"{response.headers.get('content-type', 'no content type')}: {detail}"
    raise ServerError(
        f"{method} {path} answers {response.status_code} ({shorten(detail)})",
        status=response.status_code,
    )


def _told(body: object) -> str:
    """Return the reason in an answer's body: FastAPI's ``detail``, or ``error`` or ``message``."""
    if not isinstance(body, dict):
        return ""
    for name in ("detail", "error", "message"):
        if value := body.get(name):
            return _told(value) or str(value)
    return ""


def _limits(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))


def _fault(method: str, path: str, error: httpx.HTTPError, seconds: float) -> ServerError:
    match error:
        case httpx.ConnectError():
            what = "nothing listens there"
        case httpx.ConnectTimeout():
            what = f"no connection within {min(seconds, _CONNECT_SECONDS):g} s"
        case httpx.ReadTimeout() if "begun" in str(error):
            what = f"its answer has begun, and not ended within {seconds:g} s"
        case httpx.TimeoutException():
            what = f"no answer within {seconds:g} s"
        case _:
            what = f"the connection broke ({error or type(error).__name__})"
    late = isinstance(error, httpx.TimeoutException)
    return ServerError(f"{method} {path}: {what}", late=late)
