"""A generation is followed to its end, however its event stream breaks."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest
from raw_server import Answer, http, serve, stream
from waiting import HANG, growing

from proofbook_systems.ttsserver.client import SpeechClient
from proofbook_systems.ttsserver.contract_files import load_contract
from proofbook_systems.ttsserver.event_stream import Followed, follow

VOICEBOX = load_contract("voicebox")

LOADING = {"id": "g", "status": "loading_model", "duration": None, "error": None, "source": "x"}
GENERATING = {**LOADING, "status": "generating"}
COMPLETED = {**LOADING, "status": "completed", "duration": 2.5}
FAILED = {**LOADING, "status": "failed", "error": "CUDA out of memory"}
WHOLE = stream(LOADING, GENERATING, COMPLETED)
STATUS = "/generate/g/status"
NO_HISTORY = http(b'{"detail": "Not Found"}', status="404 Not Found")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("_TICK", "_PAUSE"):
        monkeypatch.setattr(f"proofbook_systems.ttsserver.event_stream.{pause}", 0.01)


def followed(answer: Answer, timeout: float = HANG, **options: object) -> Followed:
    with serve(answer) as url, SpeechClient(url, VOICEBOX) as client:
        return follow(client, "g", timeout, **options)  # type: ignore[arg-type]


def streams(*answers: bytes, history: bytes = NO_HISTORY) -> Answer:
    """Give each connection to the stream the next answer, and the last one for ever."""

    def answer(path: str, times: int) -> bytes:
        return answers[min(times, len(answers)) - 1] if path == STATUS else history

    return answer


def test_a_whole_stream_is_read_to_its_end() -> None:
    found = followed(streams(WHOLE))
    assert (found.end, found.duration, found.reconnections) == ("completed", 2.5, 0)
    assert found.statuses == ["loading_model", "generating", "completed"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", range(4))
def test_a_stream_cut_at_any_byte_is_taken_up_again(part: int) -> None:
    end = WHOLE.index(b'"completed"')  # from here on the news may have come through
    size = part

    def answer(path: str, times: int) -> bytes:
        if not path.endswith("/status"):
            return NO_HISTORY
        return WHOLE[:size] if times == 1 else WHOLE

    with serve(answer) as url, SpeechClient(url, VOICEBOX) as client:
        for size in range(part, len(WHOLE), 4):
            found = follow(client, f"g{size}", HANG)
            assert (found.end, found.duration, found.malformed) == ("completed", 2.5, []), size
            assert found.reconnections == 1 or size > end, size


def test_a_stream_that_breaks_again_and_again_is_opened_again_and_again() -> None:
    found = followed(streams(b"", stream(LOADING), stream(GENERATING)[:-9], WHOLE))
    assert (found.end, found.reconnections) == ("completed", 3)


def test_events_that_are_none_are_kept_and_do_not_stop_it() -> None:
    found = followed(streams(stream(LOADING, "{oops", '{"no": "status"}', COMPLETED)))
    assert (found.end, found.malformed) == ("completed", ["{oops", '{"no": "status"}'])


def test_a_failure_brings_its_reason() -> None:
    found = followed(streams(stream(LOADING, FAILED)))
    assert (found.end, found.error) == ("failed", "CUDA out of memory")


@pytest.mark.exhaustive
def test_a_generation_that_is_not_known_is_an_end() -> None:
    assert followed(streams(stream({**LOADING, "status": "not_found"}))).end == "not_found"


def test_the_history_tells_before_the_stream_does_and_a_fresh_stream_confirms() -> None:
    first = stream(LOADING)[: -len(b"0\r\n\r\n")]
    over = http(json.dumps(COMPLETED).encode())
    found = followed(streams(first, stream(COMPLETED), history=over))
    assert (found.end, found.duration) == ("completed", 2.5)


def test_a_history_alone_is_not_believed() -> None:
    found = followed(streams(stream(LOADING), history=http(json.dumps(COMPLETED).encode())), 0.5)
    assert found.end == "timeout"


def test_the_deadline_ends_it() -> None:
    for bound in growing(0.3):
        found = followed(streams(stream(GENERATING)), timeout=bound)
        if found.statuses:
            break
    assert (found.end, found.statuses[-1]) == ("timeout", "generating")
    assert found.noticed_at > 0


def test_a_server_that_has_ended_ends_it_at_once() -> None:
    found = followed(streams(b""), exited=lambda: "the server was killed by SIGSEGV")
    assert (found.end, found.error) == ("exited", "the server was killed by SIGSEGV")


def test_a_refused_or_foreign_stream_is_tried_again_until_the_deadline() -> None:
    refused = http(b"oops", "text/plain", "500 Internal Server Error")
    page = http(b"<html>", "text/html")
    found = followed(streams(refused, page, WHOLE))
    assert (found.end, found.reconnections) == ("completed", 2)


@pytest.mark.exhaustive
def test_the_history_is_asked_rarely_and_no_longer_once_the_beginning_is_over() -> None:
    asked = dict.fromkeys(("/history/g", STATUS), 0)
    generating = stream(GENERATING)[: -len(b"0\r\n\r\n")]

    def answer(path: str, times: int) -> bytes:
        asked[path] = times
        if path == STATUS:
            time.sleep(0.5)  # silent for a while, as between two events
            return generating
        return http(json.dumps(GENERATING).encode())

    for bound in (3.0, 3.0, 3.0):  # a busy machine may have asked nothing by then
        followed(answer, timeout=bound)
        if all(asked.values()):
            break
    assert 0 < asked["/history/g"] <= 14
    assert asked[STATUS] <= 6


def test_a_stream_that_ends_at_once_is_not_opened_many_times_a_second() -> None:
    asked: list[str] = []

    def answer(path: str, times: int) -> bytes:
        asked.append(path)
        return stream(GENERATING) if path == STATUS else NO_HISTORY

    followed(answer, timeout=2.0)
    assert asked.count(STATUS) <= 10


def test_what_is_not_known_yet_is_asked_for_again() -> None:
    found = followed(streams(stream({**LOADING, "status": "not_found"}), WHOLE))
    assert (found.end, found.duration) == ("completed", 2.5)


def test_one_answer_in_place_of_a_stream_is_an_event() -> None:
    answers = [http(json.dumps(event).encode()) for event in (LOADING, GENERATING, COMPLETED)]
    found = followed(streams(*answers))
    assert (found.end, found.duration, found.malformed) == ("completed", 2.5, [])


@pytest.mark.parametrize(
    "pings",
    [b": keep-alive\n\n", b"event: ping\ndata: 2026-11-26\n\n", b"data: [DONE]\n\n", b"id: 7\n\n"],
)
def test_pings_in_between_are_no_malformed_events(pings: bytes) -> None:
    events = [f"data: {json.dumps(e)}\n\n".encode() for e in (LOADING, COMPLETED)]
    found = followed(streams(http(pings.join([b"", *events]), "text/event-stream")))
    assert (found.end, found.malformed) == ("completed", [])


def test_an_open_stream_is_hung_up_at_the_end() -> None:
    ended = threading.Event()

    def hold(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(stream(GENERATING)[: -len(b"0\r\n\r\n")])
        while connection.recv(65536):
            pass
        ended.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        threading.Thread(target=lambda: hold(listener.accept()[0]), daemon=True).start()
        with SpeechClient(url, VOICEBOX) as client:
            follow(client, "g", 0.1)
            assert ended.wait(HANG)
