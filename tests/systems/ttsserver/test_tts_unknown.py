"""A server is asked once for a generation that it never made."""

from __future__ import annotations

import json

import pytest
from raw_server import http, serve, stream

from proofbook_systems.ttsserver.client import SpeechClient
from proofbook_systems.ttsserver.contract_files import load_contract
from proofbook_systems.ttsserver.unknown_generation import find_fault

VOICEBOX = load_contract("voicebox")


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (stream({"status": "not_found"}), ""),
        (stream({"status": "failed", "error": "unknown"}), ""),
        (http(b'{"status": "not_found"}'), ""),
        (http(b'{"detail": "Not Found"}', status="404 Not Found"), ""),
        (http(b"{}", status="422 Unprocessable"), ""),
        (stream({"status": "generating"}), "it says 'generating' of what it never made"),
        (stream({"status": "completed"}), "it says 'completed' of what it never made"),
        (stream("{oops"), "it says '{oops', which is no status"),
        (stream(), "its stream ends without an event"),
        (http(b"oops", "text/plain", "500 Oops"), "answers 500 (text/plain: oops)"),
    ],
)
def test_what_a_server_says_of_an_unknown_generation(answer: bytes, fault: str) -> None:
    asked: list[str] = []

    def tell(path: str, times: int) -> bytes:
        asked.append(path)
        return answer

    with serve(tell) as url, SpeechClient(url, VOICEBOX) as client:
        found = find_fault(client)
    assert found.endswith(fault)
    assert bool(found) == bool(fault)
    assert len(asked) == 1


def test_the_reason_of_a_failure_may_be_an_object() -> None:
    event = {"status": "failed", "error": {"message": "CUDA out of memory", "code": 7}}
    answer = http(json.dumps(event).encode())
    with serve(lambda *_: answer) as url, SpeechClient(url, VOICEBOX) as client:
        (told,) = client.status_events("g")
    assert getattr(told, "error", None) == "CUDA out of memory"
