"""Call endpoints over HTTP: time-outs, retries with growing waits, and errors that say what to do.

What may have been done although no answer came is sent again only where that does no harm. No
message holds a key.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from proofbook_subjects.pipeline.endpoints import Endpoint
from proofbook_subjects.pipeline.errors import ServiceError
from proofbook_subjects.pipeline.pacing import Pace
from proofbook_subjects.pipeline.settings import Project

if TYPE_CHECKING:
    import httpx

__all__ = ["Caller", "fetch"]

_TRANSIENT = {408, 409, 425, 429, 500, 502, 503, 504, 529}
_LONGEST_WAIT = 60.0
_TIMEOUT, _TRIES = 60.0, 4
_SHOWN = 160


class Caller:
    """Calls one endpoint."""

    def __init__(
        self,
        project: Project,
        endpoint: Endpoint,
        headers: Mapping[str, str],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._endpoint, self._headers, self._sleep = endpoint, dict(headers), sleep
        self._timeout = project.number("API_TIMEOUT", _TIMEOUT, least=0.001)
        self._tries = max(1, int(project.number("API_TRIES", _TRIES, least=1)))
        self._first_wait = project.number("API_FIRST_WAIT", 0.5)
        self._pace = Pace(project, endpoint.name)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        data: bytes | None = None,
        may_repeat: bool = True,
    ) -> bytes:
        """Return the body of a good answer.

        Args:
            method: Of HTTP.
            path: After the endpoint's address.
            body: To be sent as JSON.
            query: Of the address.
            data: To be sent as it is.
            may_repeat: Whether a second call does no harm where the first got no answer.

        Raises:
            ServiceError: There was none after all tries.
        """
        import httpx

        last: ServiceError | None = None
        with httpx.Client(timeout=self._timeout, headers=self._headers) as client:
            request = client.build_request(
                method, self._endpoint.url + path, json=body, params=query, content=data
            )
            for attempt in range(1, self._tries + 1):
                self._pace.wait(self._sleep)
                answer = self._try(client, request, may_repeat)
                if isinstance(answer, bytes):
                    return answer
                last = answer
                self._wait(last, attempt)
        assert last is not None
        raise ServiceError(
            f"{last}; gave up after {self._tries} tries",
            status=last.status, retry_after=last.retry_after,
        )  # fmt: skip

    def _try(
        self, client: httpx.Client, request: httpx.Request, may_repeat: bool
    ) -> bytes | ServiceError:
        """Return a good answer's body, or why there should be another try."""
        import httpx

        try:
            answer = client.send(request)
        except httpx.ConnectError as error:
            return self._unreachable(error)
        except httpx.TransportError as error:
            if not may_repeat:
                raise self._unanswered(error) from error
            return self._unanswered(error)
        if answer.is_success:
            return answer.content
        refusal = self._refused(answer)
        if answer.status_code not in _TRANSIENT:
            raise refusal
        return refusal

    def send_for_json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Return the object in a good answer.

        Raises:
            ServiceError: There is none.
        """
        answer = self.send(method, path, **options)
        try:
            document = json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise ServiceError(
                f"{self._name} answered something that is not JSON: {self._shown(answer)}"
            ) from error
        if not isinstance(document, dict):
            raise ServiceError(f"{self._name} answered {self._shown(answer)}, not an object")
        return document

    @property
    def _name(self) -> str:
        return f"{self._endpoint.name.lower()} endpoint {self._endpoint.url}"

    def _wait(self, error: ServiceError, attempt: int) -> None:
        """Wait before the next try; all processes wait that share the endpoint.

        Raises:
            ServiceError: It asks for more patience than a command has.
        """
        asked = error.retry_after
        if asked is not None and asked > _LONGEST_WAIT:
            raise ServiceError(
                f"{error}; it asks to wait {asked:.0f} s: run this again later",
                status=error.status, retry_after=asked,
            )  # fmt: skip
        if attempt < self._tries:
            grown = self._first_wait * 2 ** (attempt - 1)
            pause = asked if asked is not None else grown * random.uniform(0.8, 1.2)
            if error.status == 429:
                self._pace.hold(pause)
            self._sleep(pause)

    def _unreachable(self, error: Exception) -> ServiceError:
        return ServiceError(f"{self._name} cannot be reached: {error or type(error).__name__}")

    def _unanswered(self, error: Exception) -> ServiceError:
        if "Timeout" in type(error).__name__:
            return ServiceError(f"{self._name} did not answer within {self._timeout:g} s")
        return ServiceError(f"{self._name} broke off: {error or type(error).__name__}")

    def _refused(self, answer: httpx.Response) -> ServiceError:
        status, said = answer.status_code, self._shown(answer.content)
        why = {
            401: f"refused the key (401): check {self._endpoint.key_name}",
            403: f"does not allow this (403): check what {self._endpoint.key_name} may do",
            404: "has no such address or model (404)",
            429: "limits the rate (429)",
        }.get(status, f"failed ({status})" if status >= 500 else f"refused the call ({status})")
        wait = _retry_after(answer)
        return ServiceError(
            f"{self._name} {why}: {said}", status=status, retry_after=wait, body=answer.content
        )

    def _shown(self, answer: bytes) -> str:
        text = " ".join(answer[: 4 * _SHOWN].decode(errors="replace").split())
        return text.replace(self._endpoint.key, "***")[:_SHOWN] or "an empty answer"


def _retry_after(answer: httpx.Response) -> float | None:
    """Return the seconds that an answer asks to wait, in any of the usual forms."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = answer.headers.get(name, "")
        try:
            seconds = float(text) * unit
        except ValueError:
            seconds = _until(text)
        if 0 <= seconds < 1e7:
            return seconds
    return None


def _until(text: str) -> float:
    """Return the seconds until an HTTP date; less than 0 where it is none."""
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return -1.0


def fetch(url: str, project: Project, *, largest: int) -> bytes:
    """Return what a public address holds, following redirections.

    Raises:
        ServiceError: It does not answer well, or with more than ``largest`` bytes.
    """
    import httpx

    timeout = project.number("API_TIMEOUT", _TIMEOUT, least=0.001)
    last = ""
    for attempt in range(3):
        try:
            with httpx.stream("GET", url, timeout=timeout, follow_redirects=True) as answer:
                if answer.is_success:
                    return _bounded(answer, url, largest)
                last = f"answered {answer.status_code}"
                if answer.status_code not in _TRANSIENT:
                    break
        except httpx.InvalidURL as error:
            raise ServiceError(f"feed {url}: {error}") from error
        except httpx.HTTPError as error:
            last = f"{type(error).__name__}: {error}"
        if attempt < 2:
            time.sleep(project.number("API_FIRST_WAIT", 0.5) * 2**attempt)
    raise ServiceError(f"feed {url} cannot be fetched: {last}; nothing was changed")


def _bounded(answer: httpx.Response, url: str, largest: int) -> bytes:
    data = bytearray()
    for part in answer.iter_bytes():
        data += part
        if len(data) > largest:
            raise ServiceError(f"feed {url} is larger than {largest // 1_000_000} MB")
    return bytes(data)
