"""The small server of OpenAI's shape: what it takes, what it refuses, and what it passes on."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from proofbook_subjects.ttsserver.direct import build_direct
from proofbook_subjects.ttsserver.engines import VoiceSettings, find_model


@pytest.fixture
def asked() -> list[tuple[str, VoiceSettings, float]]:
    return []


@pytest.fixture
def client(asked: list[tuple[str, VoiceSettings, float]]) -> TestClient:
    def note(text: str, settings: VoiceSettings, hertz: float) -> bytes:
        asked.append((text, settings, hertz))
        return b"RIFF"

    return TestClient(build_direct(note))


def test_it_answers_with_the_audio(
    client: TestClient, asked: list[tuple[str, VoiceSettings, float]]
) -> None:
    body = {"input": "Hello.", "voice": "af_heart", "speed": 1.5, "response_format": "wav"}
    answer = client.post("/v1/audio/speech", json=body)
    assert (answer.status_code, answer.content) == (200, b"RIFF")
    assert answer.headers["content-type"] == "audio/wav"
    kokoro = find_model("kokoro", None)
    assert kokoro is not None
    ((text, settings, hertz),) = asked
    assert (text, hertz) == ("Hello.", 210.0)
    assert settings.speed == round(1.5 * kokoro.settings.speed)


def test_it_lists_its_models(client: TestClient) -> None:
    names = [each["id"] for each in client.get("/v1/models").json()["data"]]
    assert names == ["tts-1", "tts-1-hd"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"input": ""}, 422),
        ({"input": "  "}, 422),
        ({"voice": "nobody"}, 400),
        ({"speed": 9}, 422),
        ({"model": "gpt"}, 422),
        ({"response_format": "midi"}, 422),
    ],
)
def test_it_refuses_what_it_cannot_say(
    client: TestClient,
    asked: list[tuple[str, VoiceSettings, float]],
    change: dict[str, object],
    status: int,
) -> None:
    body = {"input": "Hello.", "voice": "af_heart", **change}
    assert client.post("/v1/audio/speech", json=body).status_code == status
    assert asked == []
