"""A wrong request must be refused: by an answer from 400 to 499, in time, or by a failed job."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from raw_server import http, serve, stream

from proofbook.errors import SubjectError
from proofbook_systems.ttsserver.attached import AttachedServer, choose_server
from proofbook_systems.ttsserver.client import ServerError, SpeechClient
from proofbook_systems.ttsserver.contract import SpeechRequest
from proofbook_systems.ttsserver.contract_files import WAIVABLE, load_contract
from proofbook_systems.ttsserver.server import SpeechServer, polled_paths, speech_launch
from proofbook_systems.ttsserver.wrong_requests import WRONG_REQUESTS, find_acceptance

OPENAI, COQUI, VOICEBOX = (load_contract(name) for name in ("openai", "coqui", "voicebox"))
ASKED = SpeechRequest(text="Hello.", voice="ann", profile="p1")


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (http(b'{"detail": "no"}', status="400 No"), ""),
        (http(b"no", status="422 No"), ""),
        (http(b"no", status="404 No"), ""),
        (http(b'{"error": "oops"}', status="500 Oops"), r"answers 500 \(oops\)"),
        (
            http(b"RIFF1234", "audio/wav"),
            "answers 200, as if that were right, with a wav file of 8",
        ),
        (http(b'{"error": "no"}'), r"with application/json: '\{\"error\": \"no\"\}'"),
        (b"", "the connection broke"),
    ],
)
def test_only_a_refusal_is_right(answer: bytes, fault: str) -> None:
    with serve(lambda *_: answer) as url, SpeechClient(url, OPENAI) as client:
        found = find_acceptance(client, "refuses-broken-body", ASKED, timeout=5)
    assert bool(found) == bool(fault)
    assert re.search(fault, found)


def test_each_wrong_request_can_be_waived() -> None:
    assert set(WRONG_REQUESTS) <= set(WAIVABLE)


def test_an_answer_that_does_not_come_is_none() -> None:
    def hang(path: str, times: int) -> bytes:
        time.sleep(0.6)
        return b""

    with serve(hang) as url, SpeechClient(url, OPENAI) as client:
        found = find_acceptance(client, "refuses-empty-text", ASKED, timeout=0.2)
    assert found == "POST /v1/audio/speech: no answer within 0.2 s"


@pytest.mark.parametrize(
    ("check", "path"),
    [
        ("refuses-empty-text", "/api/tts?text=&speaker_id=ann"),
        ("refuses-missing-text", "/api/tts?speaker_id=ann"),
        ("refuses-unknown-voice", "/api/tts?text=Hello.&speaker_id=nobody-of-this-name"),
        ("refuses-unknown-path", "/api/tts/no-such-path?text=Hello.&speaker_id=ann"),
    ],
)
def test_what_is_wrong_is_one_thing(check: str, path: str) -> None:
    asked: list[str] = []

    def note(path: str, times: int) -> bytes:
        asked.append(path)
        return http(b"no", status="400 No")

    with serve(note) as url, SpeechClient(url, COQUI) as client:
        assert find_acceptance(client, check, ASKED, timeout=5) == ""
    assert asked == [path]


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        ({"status": "failed", "error": "no text"}, ""),
        ({"status": "completed", "duration": 1.0}, "the generation ends as 'completed'"),
    ],
)
def test_a_job_that_fails_is_a_refusal(event: dict[str, object], fault: str) -> None:
    def tell(path: str, times: int) -> bytes:
        return http(b'{"id": "g"}') if path == "/generate" else stream(event)

    with serve(tell) as url, SpeechClient(url, VOICEBOX) as client:
        found = find_acceptance(client, "refuses-empty-text", ASKED, timeout=5)
    assert found.endswith(fault)
    assert bool(found) == bool(fault)


def test_an_answer_that_never_ends_is_given_up() -> None:
    def dribble() -> Iterator[bytes]:
        while True:
            time.sleep(0.01)
            yield b"a"

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=dribble()))
    with (
        SpeechClient("http://x", OPENAI, transport=transport) as client,
        pytest.raises(ServerError, match=r"has begun, and not ended within 0\.03 s") as caught,
    ):
        client.speak(ASKED, timeout=0.03)
    assert caught.value.late


@pytest.mark.parametrize(("key", "header"), [("abc", "Bearer abc"), ("", None)])
def test_the_key_is_sent_where_there_is_one_and_the_prefix_always(
    key: str, header: str | None
) -> None:
    seen: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"RIFF", headers={"content-type": "audio/wav"})

    contract, transport = OPENAI.model_copy(update={"prefix": "/api"}), httpx.MockTransport(note)
    with SpeechClient("http://x", contract, transport=transport) as client:
        assert client.speak(replace(ASKED, key=key)).content == b"RIFF"
    (request,) = seen
    assert request.url.path == "/api/v1/audio/speech"
    assert request.headers.get("Authorization") == header
    assert json.loads(request.content) == {
        "model": "tts-1", "input": "Hello.", "voice": "ann", "response_format": "wav"
    }  # fmt: skip
    assert polled_paths(contract) == [r"/v1/models"]


def test_a_fault_names_the_path_with_the_prefix() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/late":
            raise httpx.ReadTimeout("late")
        return httpx.Response(404, json={"error": "no"})

    contract, transport = OPENAI.model_copy(update={"prefix": "/api"}), httpx.MockTransport(refuse)
    with SpeechClient("http://x", contract, transport=transport) as client:
        for send, named in (
            (lambda: client.speak(ASKED), "POST /api/v1/audio/speech answers 404 (no)"),
            (lambda: client.send("GET", "/v1/late"), "GET /api/v1/late: no answer within"),
            (lambda: client.send("GET", "http://y/a.wav"), "GET http://y/a.wav answers 404 (no)"),
        ):
            with pytest.raises(ServerError) as caught:
                send()
            assert str(caught.value).startswith(named)


def test_voices_are_looked_for_in_a_list_of_any_form() -> None:
    contract = load_contract("marytts")
    for body in (b"ann en female\nbob de male\n", json.dumps({"v": ["ann", "bob"]}).encode()):
        with serve(lambda *_, body=body: http(body)) as url, SpeechClient(url, contract) as client:
            assert client.find_unlisted(["ann", "bob"]) == []
            assert client.find_unlisted(["an"]) == ["an is not in the list of voices"]
    with serve(lambda *_: http(b"", status="404 No")) as url, SpeechClient(url, contract) as client:
        assert "answers 404" in client.find_unlisted(["ann"])[0]


def launch(tmp_path: Path, timeout: float = 5.0) -> object:
    return speech_launch(
        OPENAI, command=["{python}", "a {{b}}"], python="/a {b}/python", log=tmp_path / "log",
        timeout_health=timeout,
    )  # fmt: skip


def test_a_server_that_runs_already_is_only_asked(tmp_path: Path) -> None:
    with serve(lambda *_: http(b"{}")) as url:
        server = choose_server(f"{url}/", launch(tmp_path), OPENAI)
        assert isinstance(server, AttachedServer)
        server.start()
        assert (server.url, server.pids, server.processes(), server.exited()) == (url, [], [], "")
        server.restart("after x")
        assert server.restarts == ["waited for, after x"]
        assert server.stop().left == ()
        with SpeechClient(url, OPENAI) as client:
            assert client.send("GET", "/v1/models").status_code == 200


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    server = choose_server("http://127.0.0.1:9", launch(tmp_path, 0.1), OPENAI)
    with pytest.raises(SubjectError, match=r"at http://127\.0\.0\.1:9 is not healthy after 0\.1 s"):
        server.start()
    server.stop()
    with pytest.raises(SubjectError, match="url '127' is no address"):
        choose_server("127", launch(tmp_path), OPENAI)


def test_without_an_address_it_is_started_by_its_command(tmp_path: Path) -> None:
    with choose_server("", launch(tmp_path), OPENAI) as server:
        assert type(server) is SpeechServer
        assert server.command(tmp_path) == ["/a {b}/python", "a {b}"]
