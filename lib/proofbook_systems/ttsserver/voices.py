"""Create the voices that the rows speak with: one cloned, and one for each preset."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from proofbook_systems.ttsserver.client import ServerError, SpeechClient
from proofbook_systems.ttsserver.contract import ProfileRequest
from proofbook_systems.ttsserver.matrix import CLONED, Row
from proofbook_systems.ttsserver.sample import VoiceSample

__all__ = ["Voices"]

_SHORT_NAMES = {"qwen_custom_voice": "qwen-cv"}
_TAKEN = (400, 409)
"""What servers answer where a name is taken; 400 may mean other things, too."""
_NOT_SENT = 424
"""In place of a status, "failed dependency": the row itself was not asked for."""


class Voices:
    """The profiles of a matrix, each created once, by the voice that a row names.

    Args:
        rows: What is to be spoken.
        sample: What is cloned; None where no row clones.
        language: Of the profiles.
        timeout: Seconds that one request may take: the first comes while the server warms up.
    """

    def __init__(
        self, rows: Sequence[Row], sample: VoiceSample | None, language: str, timeout: float = 60.0
    ) -> None:
        self._sample, self._timeout = sample, timeout
        self._requests = _requests(rows, language)
        self._ids: dict[tuple[str, str], str] = {}
        self._faults: dict[tuple[str, str], ServerError] = {}

    @property
    def names(self) -> list[str]:
        """The profiles' names."""
        return [request.name for request in self._requests.values()]

    @property
    def faults(self) -> dict[str, str]:
        """Why a voice is not there, by its name; its rows say so, too."""
        return {self._requests[key].name: str(error) for key, error in self._faults.items()}

    def create(self, client: SpeechClient) -> None:
        """Create those that the server does not have; what it refuses costs the rows of that voice.

        A server that has kept its data refuses a name that it has: its profile is used again.
        """
        if client.contract.profiles is None:
            return
        for key in self._requests:
            self._faults.pop(key, None)
            try:
                self._ids[key] = self._create(client, key)
            except ServerError as error:
                if error.status is None or key not in self._ids:
                    self._faults[key] = error

    def profile_id(self, row: Row) -> str:
        """Return the profile that a row speaks with; empty where the server has none.

        Raises:
            ServerError: It could not be created.
        """
        key = _key(row)
        if fault := self._faults.get(key):
            message = f"its voice {self._requests[key].name} could not be created: {fault}"
            raise ServerError(message, status=fault.status or _NOT_SENT)
        return self._ids.get(key, "")

    def _create(self, client: SpeechClient, key: tuple[str, str]) -> str:
        request = self._requests[key]
        profile_id = self._create_profile(client, request, known=key in self._ids)
        if request.voice_type == CLONED:
            assert self._sample is not None, "a row that clones needs a sample"
            client.add_sample(
                profile_id, self._sample.wav, self._sample.text, timeout=self._timeout
            )
        return profile_id

    def _create_profile(self, client: SpeechClient, request: ProfileRequest, *, known: bool) -> str:
        try:
            return client.create_profile(request, timeout=self._timeout)
        except ServerError as error:
            if known or error.status not in _TAKEN:
                raise
        # Kept data may hold a profile of this name from another time, whose id nobody knows.
        another = request.model_copy(update={"name": f"{request.name}-{time.time_ns() // 10**6}"})
        return client.create_profile(another, timeout=self._timeout)


def _key(row: Row) -> tuple[str, str]:
    return (CLONED, "") if row.cloned else (row.engine, row.voice)


def _requests(rows: Sequence[Row], language: str) -> dict[tuple[str, str], ProfileRequest]:
    """Return a profile for each voice, each of a name of its own."""
    speakers = {_key(row): row for row in rows}
    engines = Counter(row.engine for row in speakers.values() if not row.cloned)
    requests: dict[tuple[str, str], ProfileRequest] = {}
    for key, row in speakers.items():
        name = _profile_name(row, alone=engines[row.engine] == 1)
        taken = {request.name for request in requests.values()}
        unlike = name if name not in taken else f"{name}-{len(taken)}"
        requests[key] = _request(row, unlike, language)
    return requests


def _profile_name(row: Row, *, alone: bool) -> str:
    """Return ``e2e-kokoro``, or ``e2e-kokoro-af_heart`` where the engine has other voices, too."""
    if row.cloned:
        return "e2e-cloned"
    name = f"e2e-{_SHORT_NAMES.get(row.engine, row.engine)}"
    return name if alone else f"{name}-{row.voice}"


def _request(row: Row, name: str, language: str) -> ProfileRequest:
    if row.cloned:
        return ProfileRequest(name=name, voice_type=CLONED, language=language)
    return ProfileRequest(
        name=name, voice_type="preset", language=language,
        preset_engine=row.engine, preset_voice_id=row.voice,
    )  # fmt: skip
