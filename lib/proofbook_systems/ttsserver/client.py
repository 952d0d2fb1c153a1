"""Talk to the server: one method a request, each answer verified, each fault one line.

Knows the contract; not what is tested with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from proofbook.errors import SubjectError
from proofbook_systems.ttsserver.contract import (
    Generation,
    GenerationRequest,
    Health,
    HistoryEntry,
    ModelState,
    ModelStates,
    Profile,
    ProfileRequest,
    StatusEvent,
)

__all__ = ["Malformed", "ServerError", "VoiceboxClient"]

_ANSWER = 60.0
"""Seconds for an ordinary answer: the first one comes while the server warms up."""
_QUICK = 5.0
"""Seconds to connect, and for what a living server answers at once."""
_STALLED = 15.0
"""Seconds without an event, where one is due each second, after which a stream is given up."""

_A = TypeVar("_A", bound=BaseModel)


class ServerError(SubjectError):
    """The server gave no answer, or not the one that the contract promises.

    ``status`` is the HTTP status, or None where there was no answer.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class Malformed(BaseModel):
    """An event that is none of the contract's."""

    raw: str


class VoiceboxClient:
    """A connection to the server at ``url``; proxies of the environment are not used."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        timeout = httpx.Timeout(_QUICK, read=_ANSWER)
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

    def health(self) -> Health:
        """Return how the server feels.

        Raises:
            ServerError: It does not say.
        """
        return self._get("/health", Health, timeout=_QUICK)

    def create_profile(self, profile: ProfileRequest) -> str:
        """Create a profile and return its id.

        Raises:
            ServerError: It is refused; with status 400 if the name is taken.
        """
        body = profile.model_dump(exclude_none=True)
        return self._parse(self._send("POST", "/profiles", json=body), Profile).id

    def add_sample(self, profile_id: str, wav: Path, text: str) -> None:
        """Give a cloned profile its sample.

        Raises:
            ServerError: It is refused.
        """
        files = {"file": (wav.name, wav.read_bytes(), "audio/wav")}
        self._send(
            "POST", f"/profiles/{profile_id}/samples", files=files, data={"reference_text": text}
        )

    def models(self) -> dict[str, ModelState]:
        """Return the state of each model by its name.

        Raises:
            ServerError: The server does not say.
        """
        return {m.model_name: m for m in self._get("/models/status", ModelStates).models}

    def generate(self, request: GenerationRequest) -> str:
        """Ask for a generation and return its id.

        Raises:
            ServerError: It is refused.
        """
        body = request.model_dump(exclude_none=True)
        return self._parse(self._send("POST", "/generate", json=body), Generation).id

    def status_events(self, generation_id: str) -> Iterator[StatusEvent | Malformed]:
        """Yield the events of a generation until the server ends the stream.

        Raises:
            ServerError: The stream cannot be opened, breaks, or stalls.
        """
        from httpx_sse import EventSource, SSEError

        path = f"/generate/{generation_id}/status"
        timeout = httpx.Timeout(_QUICK, read=_STALLED)
        try:
            with self._http.stream("GET", path, timeout=timeout) as response:
                _refuse_failure("GET", path, response)
                for event in EventSource(response).iter_sse():
                    yield _read_event(event.data)
        except httpx.HTTPError as error:
            raise _fault("GET", path, error) from error
        except SSEError as error:
            raise ServerError(f"GET {path} answers no event stream: {error}") from error

    def cancel(self, generation_id: str) -> None:
        """Ask the server to give a generation up.

        Raises:
            ServerError: It does not take that.
        """
        self._send("POST", f"/generate/{generation_id}/cancel", timeout=_QUICK)

    def history(self, generation_id: str) -> HistoryEntry:
        """Return what the server has kept of a generation.

        Raises:
            ServerError: It has nothing, or does not say what its status is.
        """
        return self._get(f"/history/{generation_id}", HistoryEntry, timeout=_QUICK)

    def fetch_audio(self, generation_id: str, path: Path) -> Path:
        """Write a generation's audio to ``path`` and return it.

        Raises:
            ServerError: There is none.
        """
        content = self._send("GET", f"/audio/{generation_id}").content
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def _get(self, path: str, model: type[_A], **options: Any) -> _A:
        return self._parse(self._send("GET", path, **options), model)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise _fault(method, path, error) from error
        _refuse_failure(method, path, response)
        return response

    def _parse(self, response: httpx.Response, model: type[_A]) -> _A:
        request = f"{response.request.method} {response.request.url.path}"
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            kind = response.headers.get("content-type", "no content type")
            raise ServerError(
                f"{request} answers something else than promised ({kind}): "
                f"{f'{where}: ' if where else ''}{first['msg']}; it begins {_cut(response.text)!r}",
                status=response.status_code,
            ) from error


def _read_event(data: str) -> StatusEvent | Malformed:
    try:
        return StatusEvent.model_validate_json(data)
    except ValidationError:
        return Malformed(raw=_cut(data))


def _refuse_failure(method: str, path: str, response: httpx.Response) -> None:
    if response.is_success:
        return
    response.read()
    detail = response.text
    try:
        found = json.loads(detail)
        detail = str(found["detail"]) if isinstance(found, dict) and "detail" in found else detail
    except ValueError:
        detail = f"{response.headers.get('content-type', 'no content type')}: {detail}"
    raise ServerError(
        f"{method} {path} answers {response.status_code} ({_cut(detail)})",
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


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:160]}…"
