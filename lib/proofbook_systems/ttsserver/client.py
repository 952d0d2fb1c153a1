"""The requests of a text-to-speech server, one method each. Knows nothing about tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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

__all__ = ["Malformed", "ServerError", "VoiceboxClient"]

_QUICK = 5.0
"""Seconds for what a living server answers at once."""
_STALLED = 15.0
"""Seconds without an event, where one is due each second, after which a stream is given up."""


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

    def create_profile(self, profile: ProfileRequest) -> str:
        """Create a profile and return its id.

        Raises:
            ServerError: It is refused; with status 400 if the name is taken.
        """
        body = profile.model_dump(exclude_none=True)
        return self.parse(self.send("POST", "/profiles", json=body), Profile).id

    def add_sample(self, profile_id: str, wav: Path, text: str) -> None:
        """Give a cloned profile its sample.

        Raises:
            ServerError: It is refused.
        """
        files = {"file": (wav.name, wav.read_bytes(), "audio/wav")}
        self.send(
            "POST", f"/profiles/{profile_id}/samples", files=files, data={"reference_text": text}
        )

    def models(self) -> dict[str, ModelState]:
        """Return the state of each model by its name.

        Raises:
            ServerError: The server does not say.
        """
        return {m.model_name: m for m in self.get("/models/status", ModelStates).models}

    def generate(self, request: GenerationRequest) -> str:
        """Ask for a generation and return its id.

        Raises:
            ServerError: It is refused.
        """
        body = request.model_dump(exclude_none=True)
        return self.parse(self.send("POST", "/generate", json=body), Generation).id

    def status_events(self, generation_id: str) -> Iterator[StatusEvent | Malformed]:
        """Yield the events of a generation until the server ends the stream.

        Raises:
            ServerError: The stream cannot be opened, breaks, or stalls.
        """
        from httpx_sse import EventSource, SSEError

        path = f"/generate/{generation_id}/status"
        try:
            with self.stream(path, _STALLED) as response:
                for event in EventSource(response).iter_sse():
                    yield _read_event(event.data)
        except SSEError as error:
            raise ServerError(f"GET {path} answers no event stream: {error}") from error

    def cancel(self, generation_id: str) -> None:
        """Ask the server to give a generation up.

        Raises:
            ServerError: It does not take that.
        """
        self.send("POST", f"/generate/{generation_id}/cancel", timeout=_QUICK)

    def history(self, generation_id: str) -> HistoryEntry:
        """Return what the server has kept of a generation.

        Raises:
            ServerError: It has nothing, or does not say what its status is.
        """
        return self.get(f"/history/{generation_id}", HistoryEntry, timeout=_QUICK)

    def fetch_audio(self, generation_id: str, path: Path) -> Path:
        """Write a generation's audio to ``path`` and return it.

        Raises:
            ServerError: There is none.
        """
        content = self.send("GET", f"/audio/{generation_id}").content
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


def _read_event(data: str) -> StatusEvent | Malformed:
    try:
        return StatusEvent.model_validate_json(data)
    except ValidationError:
        return Malformed(raw=shorten(data))
