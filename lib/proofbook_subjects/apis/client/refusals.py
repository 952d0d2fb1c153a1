"""What an answer with an error's status means, and what is JSON at all.

Knows nothing about connections.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx

from proofbook_subjects.apis.client.backends.base import Backend
from proofbook_subjects.apis.client.bodies import (
    Complaint,
    find_complaint,
    looks_like_html,
    parse_json,
)
from proofbook_subjects.apis.client.diagnosis import Target
from proofbook_subjects.apis.client.errors import (
    ApiError,
    BadRequestError,
    BusyError,
    ConnectionLostError,
    KeyRejectedError,
    MalformedAnswerError,
    ModelNotFoundError,
    NotFoundError,
    ProxyError,
    RateLimitedError,
    RetryLaterError,
    ServerError,
    StatusError,
    WrongProtocolError,
    WrongUrlError,
)
from proofbook_subjects.apis.client.waits import asked_wait

__all__ = ["Refusals"]

_NO_MODEL = re.compile(
    r"not[ _]found|does not exist|not[ _]exist|unknown|no such|not supported|is not available"
    r"|not loaded|invalid model|could not find",
    re.I,
)
_BAD_KEY = re.compile(r"api[ _-]?key|credential|unauthori[sz]ed|authentication", re.I)


class Refusals:
    """Reads what the server at one base URL says."""

    def __init__(
        self, backend: Backend, *, longest_wait: float, wall_clock: Callable[[], float]
    ) -> None:
        self._backend, self._longest, self._wall_clock = backend, longest_wait, wall_clock

    def error_of(
        self, response: httpx.Response, body: bytes, target: Target, model: str
    ) -> ApiError:
        """Return the error that an answer of status 300 and more means."""
        status = response.status_code
        complaint = _complaint(body)
        if status < 400:
            return self._redirect(response, target)
        if status == 407 or (complaint is None and target.proxy and status in (502, 503, 504)):
            return ProxyError(
                f"{target.url}: {target.proxy or 'a proxy'} answered with {status} in the server's "
                "place; unset that variable, or add the host to NO_PROXY"
            )
        wait = asked_wait(response.headers, self._wall_clock())
        kind = self._kind(status, complaint, model)
        message = self._message(status, complaint, body, target) + self._advice(kind, model)
        if kind.retryable and wait is not None and wait > self._longest:
            return RetryLaterError(
                f"{message}; it asks to wait {wait:g} s, longer than the "
                f"{self._longest:g} s of Retries(max_retry_after=…)",
                status=status,
                retry_after=wait,
            )
        return kind(message, status=status, retry_after=wait)

    def read_json(self, response: httpx.Response, body: bytes, target: Target) -> Any:
        """Return the JSON of a good answer.

        Raises:
            WrongProtocolError: It is a page.
            MalformedAnswerError: It is no JSON.
        """
        try:
            return parse_json(body)
        except ValueError as error:
            raise self.no_json(response, body, target, str(error)) from None

    def no_json(self, response: httpx.Response, body: bytes, target: Target, why: str) -> ApiError:
        """Return the error that a good status with such a body means."""
        kind = response.headers.get("content-type", "no type")
        if not body:
            why = "it is empty"
        elif looks_like_html(body) or kind.startswith("text/html"):
            return WrongProtocolError(
                f"{target.url}: a web page came instead of JSON; is the base URL the API's, not "
                f"its site's? {self._form()}{_by_proxy(target)}"
            )
        if "content-encoding" in response.headers:
            return ConnectionLostError(
                f"{target.url}: the compressed answer is truncated or broken: {why}"
            )
        return MalformedAnswerError(
            f"{target.url}: the answer is no JSON: {why} ({len(body)} bytes of {kind})"
        )

    def _kind(self, status: int, complaint: Complaint | None, model: str) -> type[StatusError]:
        if status in (400, 404, 422) and complaint and self._names_model(complaint, model):
            return ModelNotFoundError
        if status in (401, 403):
            return KeyRejectedError
        if status == 400 and complaint and _BAD_KEY.search(complaint.text):
            return KeyRejectedError  # Gemini's "API key not valid"
        if status == 404 and complaint and complaint.code.startswith("NoSuch"):
            return NotFoundError
        if status in (404, 405, 501):
            return WrongUrlError if status != 501 else ServerError
        if status in (408, 409):
            return BusyError
        if status == 429:
            return RateLimitedError
        return ServerError if status >= 500 else BadRequestError

    def _names_model(self, complaint: Complaint, model: str) -> bool:
        if not model:
            return False
        if "model_not_found" in complaint.code:
            return True
        text = complaint.text
        about = model in text or re.search(r"\bmodels?\b", text, re.I) is not None
        return about and (
            _NO_MODEL.search(text) is not None or "not_found_error" in complaint.code.lower()
        )

    def _message(
        self, status: int, complaint: Complaint | None, body: bytes, target: Target
    ) -> str:
        if complaint:
            said = complaint.text
        elif looks_like_html(body):
            said = "a web page"
        else:
            text = body[:200].decode("utf-8", "replace")
            said = " ".join(text.split()) or "an empty body"
        return f"{target.url} answered with {status}: {said}"

    def _advice(self, kind: type[StatusError], model: str) -> str:
        if kind is KeyRejectedError:
            names = " or ".join(self._backend.key_names) or "api_key"
            return f"; the key is wrong, expired or not allowed to: see {names}"
        if kind is ModelNotFoundError:
            return f"; there is no model {model!r} there: models() lists what there is"
        if kind is WrongUrlError:
            return f"; there is no such route: {self._form()}"
        return ""

    def _redirect(self, response: httpx.Response, target: Target) -> WrongUrlError:
        there = response.headers.get("location", "nowhere")
        return WrongUrlError(
            f"{target.url} leads on to {there[:200]}, which is not followed with a key: "
            f"set base_url to where the API is; {self._form()}",
            status=response.status_code,
        )

    def _form(self) -> str:
        return f"a base URL of {self._backend.title} looks like {self._backend.url_form}"


def _complaint(body: bytes) -> Complaint | None:
    try:
        return find_complaint(parse_json(body))
    except ValueError:
        return find_complaint(body.decode("utf-8", "replace"))


def _by_proxy(target: Target) -> str:
    return f" (through {target.proxy})" if target.proxy else ""
