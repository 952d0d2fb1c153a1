"""The requests of a text-to-speech server, one method each. Knows nothing about tests."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel, JsonValue

from proofbook_systems.serving.client import JsonClient, ServerError, shorten
from proofbook_systems.ttsserver.answers import Spoken, read_field, read_list, read_speech
from proofbook_systems.ttsserver.contract import (
    HistoryEntry,
    ProfileRequest,
    SpeechRequest,
    StatusEvent,
    read_status,
)
from proofbook_systems.ttsserver.contract_files import Contract, Job, Request
from proofbook_systems.ttsserver.templates import fill_request

__all__ = ["Malformed", "ServerError", "SpeechClient", "hang_up"]

_QUICK = 5.0
"""Seconds for what a living server answers at once."""
_STALLED = 15.0
"""Seconds without a byte after which a stream is given up, where nothing else is said."""
_NAME = re.compile(r"[^\s\",;:]+")
"""In a list of voices of any form."""
_NOT_OFFERED = (404, 405, 501)
_IGNORED = ("", "[DONE]")
"""Data of events that say nothing."""


class Malformed(BaseModel):
    """An event that is not of the contract."""

    raw: str


class SpeechClient(JsonClient):
    """A connection to a server, with the contract that it keeps."""

    def __init__(self, url: str, contract: Contract, **options: Any) -> None:
        super().__init__(f"{url}{contract.prefix}", **options)
        self.contract = contract

    def ask(
        self, request: Request, values: dict[str, JsonValue], timeout: float | None = None
    ) -> httpx.Response:
        """Return the answer to a request of the contract; ``timeout`` is in seconds.

        Raises:
            ServerError: There is none, or its status is no success.
        """
        path, options = fill_request(request, {**self.contract.values, **values})
        if timeout is not None:
            options["timeout"] = timeout
        return self.send(request.method, path, **options)

    def create_profile(self, profile: ProfileRequest, *, timeout: float | None = None) -> str:
        """Create a profile and return its id; ``timeout`` is in seconds.

        Raises:
            ServerError: It is refused; with status 400 if the name is taken.
        """
        profiles = self.contract.profiles
        assert profiles is not None, "the contract has no profiles"
        return read_field(self.ask(profiles.create, profile.model_dump(), timeout), profiles.id)

    def add_sample(
        self, profile_id: str, wav: Path, text: str, *, timeout: float | None = None
    ) -> None:
        """Give a cloned profile its sample; ``timeout`` is in seconds.

        Raises:
            ServerError: It is refused.
        """
        profiles = self.contract.profiles
        assert profiles is not None, "the contract has no profiles"
        assert profiles.sample is not None, "the contract clones no voices"
        request = profiles.sample
        path, options = fill_request(request, {"profile": profile_id, "reference_text": text})
        options["files"] = {request.file: (wav.name, wav.read_bytes(), "audio/wav")}
        if timeout is not None:
            options["timeout"] = timeout
        self.send(request.method, path, **options)

    def models(self) -> dict[str, bool]:
        """Return whether each model is there, by its name; none where there is no list.

        Raises:
            ServerError: The server does not say.
        """
        models = self.contract.models
        if models is None:
            return {}
        rows = read_list(self.send("GET", models.path), models.list, models.name)
        return {str(row[models.name]): row.get(models.downloaded) is True for row in rows}

    def find_models_fault(self) -> str:
        """Return how the server fails to list its models; empty where it lists them or never does.

        Without the list every row has the time of a download.
        """
        try:
            self.models()
        except ServerError as error:
            return "" if error.status in _NOT_OFFERED else str(error)
        return ""

    def find_unlisted(self, voices: Sequence[str]) -> list[str]:
        """Return the voices that the server's own list does not name, or why there is no list."""
        assert self.contract.voices is not None, "the contract has no list of voices"
        try:
            text = self.ask(self.contract.voices, {}).text
        except ServerError as error:
            return [str(error)]
        named = set(_NAME.findall(text))
        return [
            f"{voice} is not in the list of voices" for voice in voices
            if voice not in named and f'"{voice}"' not in text
        ]  # fmt: skip

    def speak(self, request: SpeechRequest, *, timeout: float | None = None) -> Spoken:
        """Ask for speech that the answer brings itself; ``timeout`` is in seconds.

        Raises:
            ServerError: It is refused, or is not where the contract says.
        """
        response = self.ask(self.contract.speak, request.values(), timeout)
        return read_speech(response, self.contract.answer, lambda url: self.send("GET", url))

    def generate(self, request: SpeechRequest, *, timeout: float | None = None) -> str:
        """Ask for a generation and return its id; ``timeout`` is in seconds.

        Raises:
            ServerError: It is refused.
        """
        return read_field(self.ask(self.contract.speak, request.values(), timeout), self._job.id)

    @property
    def _job(self) -> Job:
        assert self.contract.job is not None, "the contract has no jobs"
        return self.contract.job

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

        path, _ = fill_request(self._job.status, {"id": generation_id})
        with self.stream(path, timeout) as response:
            if opened is not None:
                opened(response)
            kind = response.headers.get("content-type", "no content type")
            if "json" in kind:
                yield _read_event(response.read().decode(errors="replace"), self._job)
                return
            if "text/event-stream" not in kind:
                asked = response.request.url.path
                raise ServerError(f"GET {asked} answers {kind} and no event stream")
            for event in EventSource(response).iter_sse():
                if (told := _told(event.event, event.data, self._job)) is not None:
                    yield told

    def cancel(self, generation_id: str) -> None:
        """Ask the server to give a generation up.

        Raises:
            ServerError: It does not take that.
        """
        if self._job.cancel is None:
            raise ServerError("the contract has no cancellation", status=501)
        self.ask(self._job.cancel, {"id": generation_id}, _QUICK)

    def history(self, generation_id: str, *, timeout: float = _QUICK) -> HistoryEntry:
        """Return what the server has kept of a generation; ``timeout`` is in seconds.

        Raises:
            ServerError: It has nothing, or does not say what its status is.
        """
        if self._job.history is None:
            raise ServerError("the contract has no history", status=501)
        response = self.ask(self._job.history, {"id": generation_id}, timeout)
        try:
            return read_status(json.loads(response.content), self._job, HistoryEntry)
        except ValueError as error:
            raise ServerError(
                f"GET {response.request.url.path} answers something else than promised: "
                f"{shorten(response.text)!r}",
                status=response.status_code,
            ) from error

    def fetch_audio(self, generation_id: str, path: Path) -> Path:
        """Write a generation's audio to ``path``, with the suffix of its format; return where.

        Raises:
            ServerError: There is none.
        """
        return self.fetch_speech(generation_id).write(path)

    def fetch_speech(self, generation_id: str) -> Spoken:
        """Return a generation's audio.

        Raises:
            ServerError: There is none.
        """
        response = self.ask(self._job.audio, {"id": generation_id})
        return Spoken(response.content, response.headers.get("content-type", ""))


def hang_up(response: httpx.Response) -> None:
    """End an answer that another thread reads: closing alone would not wake that."""
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream is not None else None
    if connection is not None:
        with contextlib.suppress(OSError):  # it has ended already
            connection.shutdown(socket.SHUT_RDWR)


def _told(name: str, data: str, job: Job) -> StatusEvent | Malformed | None:
    """Return what an event tells; None for one that a listener for messages would not get."""
    if data.strip() in _IGNORED:
        return None
    event = _read_event(data, job)
    # Servers ping under names of their own; a browser's onmessage does not get those either.
    return None if isinstance(event, Malformed) and name != "message" else event


def _read_event(data: str, job: Job) -> StatusEvent | Malformed:
    try:
        return read_status(json.loads(data), job, StatusEvent)
    except ValueError:
        return Malformed(raw=shorten(data))
