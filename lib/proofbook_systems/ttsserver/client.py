"""The requests of a text-to-speech server, one method each. Knows nothing about tests."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from pydantic import BaseModel, ValidationError

from proofbook_systems.serving.client import JsonClient, ServerError, shorten
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

__all__ = ["Malformed", "ServerError", "VoiceboxClient", "hang_up"]

_QUICK = 5.0
"""Seconds for what a living server answers at once."""
_STALLED = 15.0
"""Seconds without a byte after which a stream is given up, where nothing else is said."""
_SUFFIXES = {b"RIFF": ".wav", b"RF64": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3": ".mp3"}
_NOT_OFFERED = (404, 405, 501)
_IGNORED = ("", "[DONE]")
"""Data of events that say nothing."""


class Malformed(BaseModel):
    """An event that is not of the contract."""

    raw: str


class VoiceboxClient(JsonClient):
    """A connection to a server with Voicebox's contract."""

    def health(self) -> Health:
        """Return the server's state.

        Raises:
            ServerError: It does not say.
        """
        return self.get("/health", Health, timeout=_QUICK)

    def create_profile(self, profile: ProfileRequest, *, timeout: float | None = None) -> str:
        """Create a profile and return its id; ``timeout`` is in seconds.

        Raises:
            ServerError: It is refused; with status 400 if the name is taken.
        """
        body = profile.model_dump(exclude_none=True)
        options = {} if timeout is None else {"timeout": timeout}
        return self.parse(self.send("POST", "/profiles", json=body, **options), Profile).id

    def add_sample(
        self, profile_id: str, wav: Path, text: str, *, timeout: float | None = None
    ) -> None:
        """Give a cloned profile its sample; ``timeout`` is in seconds.

        Raises:
            ServerError: It is refused.
        """
        files = {"file": (wav.name, wav.read_bytes(), "audio/wav")}
        options = {} if timeout is None else {"timeout": timeout}
        self.send(
            "POST", f"/profiles/{profile_id}/samples", files=files,
            data={"reference_text": text}, **options,
        )  # fmt: skip

    def models(self) -> dict[str, ModelState]:
        """Return the state of each model by its name.

        Raises:
            ServerError: The server does not say.
        """
        return {m.model_name: m for m in self.get("/models/status", ModelStates).models}

    def find_models_fault(self) -> str:
        """Return how the server fails to list its models; empty where it lists them or never does.

        Without the list every row has the time of a download.
        """
        try:
            self.models()
        except ServerError as error:
            return "" if error.status in _NOT_OFFERED else str(error)
        return ""

    def generate(self, request: GenerationRequest, *, timeout: float | None = None) -> str:
        """Ask for a generation and return its id; ``timeout`` is in seconds.

        Raises:
            ServerError: It is refused.
        """
        body = request.model_dump(exclude_none=True)
        options = {} if timeout is None else {"timeout": timeout}
        return self.parse(self.send("POST", "/generate", json=body, **options), Generation).id

    def status_events(
        self,
        generation_id: str,
        *,
        timeout: float = _STALLED,
        opened: Callable[[httpx.Response], None] | None = None,
    ) -> Iterator[StatusEvent | Malformed]:
        """Yield the events of a generation until the server ends the stream.

        A server that answers with one JSON object instead has told one event.

        Args:
            generation_id: Which it is.
            timeout: Seconds without a byte after which the stream is given up.
            opened: Gets the answer once it has begun, so that it can be hung up.

        Raises:
            ServerError: The stream cannot be opened, breaks, or stalls.
        """
        from httpx_sse import EventSource

        path = f"/generate/{generation_id}/status"
        with self.stream(path, timeout) as response:
            if opened is not None:
                opened(response)
            kind = response.headers.get("content-type", "no content type")
            if "json" in kind:
                yield _read_event(response.read().decode(errors="replace"))
                return
            if "text/event-stream" not in kind:
                raise ServerError(f"GET {path} answers {kind} and no event stream")
            for event in EventSource(response).iter_sse():
                if (told := _told(event.event, event.data)) is not None:
                    yield told

    def cancel(self, generation_id: str) -> None:
        """Ask the server to give a generation up.

        Raises:
            ServerError: It does not take that.
        """
        self.send("POST", f"/generate/{generation_id}/cancel", timeout=_QUICK)

    def history(self, generation_id: str, *, timeout: float = _QUICK) -> HistoryEntry:
        """Return what the server has kept of a generation; ``timeout`` is in seconds.

        Raises:
            ServerError: It has nothing, or does not say what its status is.
        """
        return self.get(f"/history/{generation_id}", HistoryEntry, timeout=timeout)

    def fetch_audio(self, generation_id: str, path: Path) -> Path:
        """Write a generation's audio to ``path``, with the suffix of its format; return where.

        Raises:
            ServerError: There is none.
        """
        content = self.send("GET", f"/audio/{generation_id}").content
        place = path.with_name(f"{path.stem}{_suffix(content)}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place


def hang_up(response: httpx.Response) -> None:
    """End an answer that another thread reads: closing alone would not wake that."""
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream is not None else None
    if connection is not None:
        with contextlib.suppress(OSError):  # it has ended already
            connection.shutdown(socket.SHUT_RDWR)


def _suffix(content: bytes) -> str:
    known = (suffix for head, suffix in _SUFFIXES.items() if content.startswith(head))
    is_mp3 = content[:1] == b"\xff" and content[1:2] >= b"\xe0"
    return next(known, ".mp3" if is_mp3 else ".wav")


def _told(name: str, data: str) -> StatusEvent | Malformed | None:
    """Return what an event tells; None for one that a listener for messages would not get."""
    if data.strip() in _IGNORED:
        return None
    event = _read_event(data)
    # Servers ping under names of their own; a browser's onmessage does not get those either.
    return None if isinstance(event, Malformed) and name != "message" else event


def _read_event(data: str) -> StatusEvent | Malformed:
    try:
        return StatusEvent.model_validate_json(data)
    except ValidationError:
        return Malformed(raw=shorten(data))
