"""Create the voices that the rows speak with: one cloned, and one for each preset."""

from __future__ import annotations

from collections.abc import Sequence

from proofbook_systems.ttsserver.client import ServerError, VoiceboxClient
from proofbook_systems.ttsserver.contract import ProfileRequest
from proofbook_systems.ttsserver.matrix import CLONED, Row
from proofbook_systems.ttsserver.sample import VoiceSample

__all__ = ["Voices"]

_SHORT_NAMES = {"qwen_custom_voice": "qwen-cv"}
_REFUSED = 400


class Voices:
    """The profiles of a matrix, each created once, by the voice that a row names."""

    def __init__(self, rows: Sequence[Row], sample: VoiceSample, language: str) -> None:
        self._sample = sample
        self._requests = {_key(row): _request(row, language) for row in rows}
        self._ids: dict[tuple[str, str], str] = {}

    @property
    def names(self) -> list[str]:
        """The profiles' names."""
        return [request.name for request in self._requests.values()]

    def create(self, client: VoiceboxClient) -> None:
        """Create those that the server does not have; it refuses a name that it has.

        Raises:
            ServerError: The server refuses one that it does not have.
        """
        for key, request in self._requests.items():
            try:
                profile_id = client.create_profile(request)
            except ServerError as error:
                if error.status == _REFUSED and key in self._ids:
                    continue
                raise
            if request.voice_type == CLONED:
                client.add_sample(profile_id, self._sample.wav, self._sample.text)
            self._ids[key] = profile_id

    def profile_id(self, row: Row) -> str:
        """Return the profile that a row speaks with."""
        return self._ids[_key(row)]


def _key(row: Row) -> tuple[str, str]:
    return (CLONED, "") if row.cloned else (row.engine, row.voice)


def _request(row: Row, language: str) -> ProfileRequest:
    if row.cloned:
        return ProfileRequest(name="e2e-cloned", voice_type=CLONED, language=language)
    name = _SHORT_NAMES.get(row.engine, row.engine)
    return ProfileRequest(
        name=f"e2e-{name}", voice_type="preset", language=language,
        preset_engine=row.engine, preset_voice_id=row.voice,
    )  # fmt: skip
