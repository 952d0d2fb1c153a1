"""What is sent to a timestamping authority, how long it is waited for, how much of it is read."""

from __future__ import annotations

import email.message
import io
import urllib.error
import urllib.request
from typing import Any

import pytest

from proofbook.errors import UsageError
from proofbook.review.anchoring import ask_authority

URL = "http://clocks.example.org/tsr"
LARGEST = 1 << 20


class Response(io.BytesIO):
    def __init__(self, data: bytes = b"token", kind: str = "application/timestamp-reply") -> None:
        super().__init__(data)
        self.sizes: list[int | None] = []
        self.headers = email.message.Message()
        self.headers["content-type"] = kind

    def read(self, size: int | None = None, /) -> bytes:
        self.sizes.append(size)
        return super().read(size)


def answering(monkeypatch: pytest.MonkeyPatch, response: Response | Exception) -> list[Any]:
    """Answer in place of the network; return what was asked."""
    asked: list[Any] = []

    def urlopen(request: urllib.request.Request, *, timeout: float) -> Response:
        asked.append((request, timeout))
        if isinstance(response, Exception):
            raise response
        return response

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return asked


def test_a_request_says_what_it_is_and_is_not_waited_for_forever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = answering(monkeypatch, Response())
    assert ask_authority(URL, b"query") == b"token"
    ((request, timeout),) = asked
    assert (request.full_url, request.data, request.get_method()) == (URL, b"query", "POST")
    assert dict(request.header_items()) == {
        "Content-type": "application/timestamp-query", "Accept": "application/timestamp-reply",
    }  # fmt: skip
    assert 10 <= timeout <= 60


def test_no_more_is_read_than_a_token_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, Response(b"x" * LARGEST))
    assert len(ask_authority(URL, b"")) == LARGEST
    response = Response(b"x" * (LARGEST + 9))
    answering(monkeypatch, response)
    with pytest.raises(UsageError, match="which is no timestamp"):
        ask_authority(URL, b"")
    assert response.closed
    (size,) = response.sizes
    assert size is not None and LARGEST < size < LARGEST + 99


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (urllib.error.URLError("no route"), "it cannot be asked: no route"),
        (TimeoutError("timed out"), "it cannot be asked: timed out"),
        (ValueError("no host given"), "it cannot be asked: no host given"),
        (urllib.error.HTTPError(URL, 503, "Busy", email.message.Message(), None),
         "it answered 503 Busy"),
    ],
)  # fmt: skip
def test_why_nobody_answered_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    answering(monkeypatch, error)
    with pytest.raises(UsageError) as caught:
        ask_authority(URL, b"")
    assert str(caught.value) == f"--tsa {URL}: {words}"


def test_only_the_web_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, Response())
    for url in ("file:///etc/passwd", "ftp://a", "clocks"):
        with pytest.raises(UsageError, match="begins with http"):
            ask_authority(url, b"")
    assert asked == []
    assert ask_authority("HTTPS://clocks", b"") == b"token"
