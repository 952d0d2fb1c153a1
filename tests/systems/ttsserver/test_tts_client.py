"""Each answer that is not the contract's is one line that says which request, and what came."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from raw_server import http, serve

from proofbook_systems.ttsserver.client import ServerError, SpeechClient
from proofbook_systems.ttsserver.contract import ProfileRequest
from proofbook_systems.ttsserver.contract_files import load_contract
from proofbook_systems.ttsserver.server import speech_launch

VOICEBOX = load_contract("voicebox")


@pytest.mark.parametrize(
    ("answer", "problem", "status"),
    [
        (
            http(b"{}", status="500 Oops"),
            r"GET /models/status answers 500 \(\{\}\)",
            500,
        ),
        (http(b'{"detail": "not today"}', status="503 No"), r"answers 503 \(not today\)", 503),
        (
            http(b"<html>\n<body>Hi", "text/html"),
            r"answers something else than promised \(text/html\): Invalid JSON.*'<html> <body>Hi'$",
            200,
        ),
        (http(b'{"state": 1}'), r"promised \(application/json\): models: Field required", 200),
        (http(b'{"detail": [1, 2]}', status="422 No"), r"answers 422 \(\[1, 2\]\)$", 422),
        (b"", r"GET /models/status: the connection broke \(Server disconnected", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "the connection broke", None),
        (b"SSH-2.0-OpenSSH\r\n", "the connection broke", None),
    ],
)
def test_a_wrong_answer_is_one_line(answer: bytes, problem: str, status: int | None) -> None:
    with (
        serve(lambda *_: answer) as url,
        SpeechClient(url, VOICEBOX) as client,
        pytest.raises(ServerError, match=problem) as caught,
    ):
        client.models()
    assert caught.value.status == status
    assert "\n" not in str(caught.value)


def test_where_nothing_listens_it_says_so() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"  # it is held, and nobody listens on it
        with (
            SpeechClient(url, VOICEBOX) as client,
            pytest.raises(ServerError, match=r"nothing listens there$"),
        ):
            client.models()


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    answer = http(b'{"models": []}')
    with serve(lambda *_: answer) as url, SpeechClient(url, VOICEBOX) as client:
        assert client.models() == {}


def test_an_answer_with_more_than_was_promised_is_fine() -> None:
    body = json.dumps({"id": "p1", "name": "x", "new_field": [1]}).encode()
    with serve(lambda *_: http(body)) as url, SpeechClient(url, VOICEBOX) as client:
        profile = ProfileRequest(name="x", voice_type="cloned", language="en")
        assert client.create_profile(profile) == "p1"


def test_models_are_listed_by_name() -> None:
    models = [{"model_name": "kokoro", "downloaded": True, "size_mb": 1}, {"model_name": "whisper"}]
    body = json.dumps({"models": models}).encode()
    with serve(lambda *_: http(body)) as url, SpeechClient(url, VOICEBOX) as client:
        found = client.models()
    assert found == {"kokoro": True, "whisper": False}


def test_an_isolated_cache_is_in_the_servers_own_folder(tmp_path: Path) -> None:
    binary = tmp_path / "a {b}"
    launch = speech_launch(
        VOICEBOX, binary, log=tmp_path / "log", timeout_health=1, isolated_cache=True,
        environment={"EXTRA": "set"},
    )  # fmt: skip
    variables = launch.variables(tmp_path)
    models = str(tmp_path / "models")
    assert variables["VOICEBOX_MODELS_DIR"] == variables["HF_HUB_CACHE"] == models
    assert variables["EXTRA"] == "set"
    assert launch.fill(80, tmp_path)[:5] == [str(binary), "--host", "127.0.0.1", "--port", "80"]
