"""Where the audio is in an answer, what it is called, and what is no audio at all."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import httpx
import pytest

from proofbook_systems.serving.client import ServerError
from proofbook_systems.ttsserver.answers import Spoken, read_field, read_list, read_speech
from proofbook_systems.ttsserver.contract_files import Answer

WAV = b"RIFF\x24\0\0\0WAVEfmt "


def answer(value: object, kind: str = "application/json") -> httpx.Response:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    request = httpx.Request("POST", "http://127.0.0.1:80/say")
    return httpx.Response(200, content=content, headers={"content-type": kind}, request=request)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (WAV, "wav"),
        (b"RF64....WAVE", "wav"),
        (b"fLaC..", "flac"),
        (b"OggS..", "ogg"),
        (b"ID3..", "mp3"),
        (b"\xff\xf3..", "mp3"),
        (b"<html>", ""),
        (b"", ""),
    ],
)
def test_the_first_bytes_say_what_it_is(tmp_path: Path, content: bytes, kind: str) -> None:
    spoken = Spoken(content, "")
    assert spoken.kind == kind
    assert spoken.write(tmp_path / "a" / "row.wav").name == f"row.{kind or 'wav'}"


@pytest.mark.parametrize(
    ("content", "called", "fault", "wrong_name"),
    [
        (WAV, "audio/wav", "", ""),
        (WAV, "audio/x-wav; rate=22050", "", ""),
        (WAV, "application/octet-stream", "", ""),
        (WAV, "", "", ""),
        (WAV, "audio/mpeg", "", "a wav file is called audio/mpeg"),
        (WAV, "text/html; charset=utf-8", "", "a wav file is called text/html; charset=utf-8"),
        (b"OggS", "audio/ogg;codec=opus", "", ""),
        (b"OggS", "audio/opus", "", ""),
        (b"ID3", "audio/mpeg", "", ""),
        (b"", "audio/wav", "the answer is empty", ""),
        (b"\1\2\3\4", "audio/pcm", "", ""),
        (b'{"a": 1}', "application/json", "the answer is application/json instead of audio", ""),
        (b"<html>", "text/html", "text/html instead of audio; it begins '<html>'", ""),
    ],
)
def test_what_it_is_called_is_held_against_what_it_is(
    content: bytes, called: str, fault: str, wrong_name: str
) -> None:
    spoken = Spoken(content, called)
    assert fault in spoken.find_fault()
    assert bool(fault) == bool(spoken.find_fault())
    assert spoken.find_wrong_name() == wrong_name


def test_a_field_may_be_a_number_and_deep() -> None:
    assert read_field(answer({"job": {"id": 7}}), "job.id") == "7"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"a": {}}, "a.b: Field required"),
        ({"a": {"b": None}}, "a.b: Field required"),
        ({"a": {"b": ""}}, "a.b: it is empty"),
        ([1], "a.b: Field required"),
        (b"<html>", "Invalid JSON"),
    ],
)
def test_a_field_that_is_not_there_is_named(value: object, problem: str) -> None:
    with pytest.raises(ServerError, match=problem):
        read_field(answer(value), "a.b")


def test_a_list_without_names_is_refused() -> None:
    assert read_list(answer({"m": [{"n": 1}]}), "m", "n") == [{"n": 1}]
    for value in ({}, {"m": 1}, [1]):
        with pytest.raises(ServerError, match="m: Field required"):
            read_list(answer(value), "m", "n")
    with pytest.raises(ServerError, match=r"m\.1\.n: Field required"):
        read_list(answer({"m": [{"n": 1}, {}]}), "m", "n")


def test_speech_is_the_body_a_field_or_behind_an_address() -> None:
    asked: list[str] = []

    def fetch(path: str) -> httpx.Response:
        asked.append(path)
        return answer(WAV, "audio/wav")

    encoded = base64.b64encode(WAV).decode()
    inside, linked = Answer(field="audio"), Answer(field="audio", form="url")
    assert read_speech(answer(WAV, "audio/wav"), Answer(), fetch) == Spoken(WAV, "audio/wav")
    assert read_speech(answer({"audio": encoded}), inside, fetch).content == WAV
    data = f"data:audio/wav;base64,{encoded}"
    assert read_speech(answer({"audio": data}), inside, fetch).content == WAV
    assert asked == []
    for told in ("/out/1.wav?x=1", "out/1.wav?x=1", "http://localhost/out/1.wav?x=1"):
        assert read_speech(answer({"audio": told}), linked, fetch).content == WAV
    assert asked == ["/out/1.wav?x=1"] * 3


@pytest.mark.parametrize(
    ("told", "form", "problem"),
    [
        ("%%%", "base64", "audio: no base64"),
        ("http://elsewhere.example/1.wav", "url", "elsewhere.example is another server"),
        ("http://127.0.0.1:81/1.wav", "url", "127.0.0.1:81 is another server"),
    ],
)
def test_what_cannot_be_fetched_is_refused(told: str, form: str, problem: str) -> None:
    where = Answer.model_validate({"field": "audio", "form": form})
    with pytest.raises(ServerError, match=problem):
        read_speech(answer({"audio": told}), where, lambda _: answer(WAV))
