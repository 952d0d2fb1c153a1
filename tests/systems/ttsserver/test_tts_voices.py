"""Each voice has a profile of its own name, so that each that cannot be made is told."""

from __future__ import annotations

import json

import httpx
import pytest

from proofbook_systems.ttsserver.client import SpeechClient
from proofbook_systems.ttsserver.contract_files import load_contract
from proofbook_systems.ttsserver.matrix import Row
from proofbook_systems.ttsserver.voices import Voices


def rows(*voices: tuple[str, str]) -> list[Row]:
    return [Row(engine=engine, voice=voice) for engine, voice in voices]


@pytest.mark.parametrize(
    ("voices", "names"),
    [
        ([("kokoro", "ann")], ["e2e-kokoro"]),
        ([("kokoro", "ann"), ("kokoro", "ann")], ["e2e-kokoro"]),
        ([("kokoro", "ann"), ("kokoro", "bob")], ["e2e-kokoro-ann", "e2e-kokoro-bob"]),
        (
            [("kokoro", "ann"), ("kokoro", "bob"), ("tada", "ann")],
            ["e2e-kokoro-ann", "e2e-kokoro-bob", "e2e-tada"],
        ),
        (
            [("a", "b"), ("a", "c"), ("a-b", "x")],
            ["e2e-a-b", "e2e-a-c", "e2e-a-b-2"],
        ),
        ([("qwen_custom_voice", "ann")], ["e2e-qwen-cv"]),
    ],
)
def test_names_of_profiles_are_unlike(voices: list[tuple[str, str]], names: list[str]) -> None:
    assert Voices(rows(*voices), None, "en").names == names


def test_each_voice_that_cannot_be_made_is_told() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        voice = json.loads(request.content)["preset_voice_id"]
        return httpx.Response(500, json={"detail": f"no {voice}"})

    transport = httpx.MockTransport(refuse)
    voices = Voices(rows(("kokoro", "ann"), ("kokoro", "bob")), None, "en")
    with SpeechClient("http://x", load_contract("voicebox"), transport=transport) as client:
        voices.create(client)
    assert {name: fault[-8:] for name, fault in voices.faults.items()} == {
        "e2e-kokoro-ann": "(no ann)", "e2e-kokoro-bob": "(no bob)"
    }  # fmt: skip
