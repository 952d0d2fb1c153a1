"""A right client for the tests: the standard library alone, with retries, and no pool.

Planted defects are changes of it; see ``planted_clients.py``.
"""

from __future__ import annotations

import email.utils
import http.client
import json
import random
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

RETRIED = {408, 409, 429, 500, 502, 503, 504, 529}
LONGEST_WAIT = 20.0
_slots: dict[int, threading.Semaphore] = {}


class ClientError(Exception):
    """A request that failed for good; ``status`` is of HTTP, where there was an answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class RetryError(Exception):
    """A request that may be made again, after ``wait`` seconds where the server said so."""

    def __init__(self, cause: ClientError, wait: float | None = None) -> None:
        super().__init__(str(cause))
        self.cause, self.wait = cause, wait


def run(request: dict[str, Any]) -> Any:
    """Answer one request of the host's."""
    if request["action"] != "chat":
        raise NotImplementedError(request["action"])
    slots = _slots_of(request)
    if request.get("stream"):
        return stream(request, slots)
    with slots:
        return with_retries(request, plain)


def _slots_of(request: dict[str, Any]) -> threading.Semaphore:
    limit = int(request.get("options", {}).get("max_concurrency", 4))
    return _slots.setdefault(limit, threading.Semaphore(limit))


def with_retries(request: dict[str, Any], call: Any) -> Any:
    retries = int(request.get("options", {}).get("max_retries", 2))
    for attempt in range(retries + 1):
        try:
            return call(request)
        except RetryError as retry:
            if attempt == retries:
                raise retry.cause from None
            wait = backoff(attempt) if retry.wait is None else max(0.0, retry.wait)
            if wait > LONGEST_WAIT:
                raise ClientError(f"{retry.cause}; it asks to wait {wait:.0f} s") from None
            time.sleep(wait)
    raise AssertionError


def backoff(attempt: int) -> float:
    return min(2.0, 0.05 * 2**attempt) * random.uniform(0.75, 1.25)


def open_call(request: dict[str, Any]) -> tuple[http.client.HTTPConnection, Any]:
    """Send the request, and return the connection and its answer of status 200."""
    base = urlsplit(request["base_url"])
    connection = http.client.HTTPConnection(
        str(base.hostname), base.port, timeout=request["timeout"]
    )
    body = {name: request[name] for name in ("model", "messages", "stream") if name in request}
    body["max_tokens"] = request.get("max_tokens", 64)
    headers = {
        "Authorization": f"Bearer {request['api_key']}", "Content-Type": "application/json",
    }  # fmt: skip
    try:
        connection.request("POST", f"{base.path}/chat/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        if answer.status != 200:
            refuse(answer)
        return connection, answer
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        raise RetryError(lost(error)) from error
    except BaseException:
        connection.close()
        raise


def lost(error: Exception) -> ClientError:
    if isinstance(error, TimeoutError):
        return ClientError("the server did not answer in time (timeout)")
    return ClientError(f"the connection broke: {type(error).__name__}: {error}")


def refuse(answer: http.client.HTTPResponse) -> None:
    text = answer.read().decode(errors="replace")
    error = ClientError(f"the server answers {answer.status}: {text[:100]}", answer.status)
    if answer.status not in RETRIED:
        raise error
    raise RetryError(error, told_wait(answer))


def told_wait(answer: http.client.HTTPResponse) -> float | None:
    if milliseconds := answer.getheader("retry-after-ms"):
        return float(milliseconds) / 1000
    value = answer.getheader("retry-after")
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return until(value)


def until(date: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() - time.time()
    except ValueError:
        return None


def plain(request: dict[str, Any]) -> dict[str, Any]:
    connection, answer = open_call(request)
    try:
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise RetryError(lost(error)) from error
    finally:
        connection.close()
    return parse(text)


def parse(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
        choice = document["choices"][0]
    except (ValueError, LookupError, TypeError):
        raise ClientError(f"the answer is not a completion: {text[:100]!r}") from None
    said, usage = choice["message"]["content"], document["usage"]
    told = {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]}
    return {"text": said, "usage": told}


def stream(request: dict[str, Any], slots: threading.Semaphore) -> Iterator[str]:
    with slots:
        connection, answer = with_retries(request, open_call)
        try:
            yield from events(answer)
        except (OSError, http.client.HTTPException) as error:
            raise lost(error) from error
        finally:
            connection.close()


def events(answer: http.client.HTTPResponse) -> Iterator[str]:
    for line in lines_of(answer):
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        yield from read_event(data)
    raise ClientError("the stream ended before its end marker: it is not complete")


def lines_of(answer: http.client.HTTPResponse) -> Iterator[str]:
    while line := answer.readline():
        yield line.decode()


def read_event(data: str) -> Iterator[str]:
    try:
        document = json.loads(data)
    except ValueError:
        raise ClientError(f"an event is not JSON: {data[:60]}") from None
    if "error" in document:
        raise ClientError(f"the server broke off the stream: {document['error']}")
    for choice in document["choices"]:
        if text := choice["delta"].get("content"):
            yield text
